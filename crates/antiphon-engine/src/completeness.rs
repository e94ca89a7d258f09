//! Whether a text is a whole cell, by rust-analyzer's parser: the one by which evcxr takes a cell apart.

use ra_ap_parser::LexedStr;
use ra_ap_syntax::{Edition, NodeOrToken, SourceFile, SyntaxKind, SyntaxNode, T, TextRange};

use crate::magics;

/// What evcxr puts around a cell before it parses it.
const HEAD: &str = "fn f(){";
const TAIL: &str = "\n}";
/// Delimiters within delimiters, and operators before operators. Parsers call themselves for each level, rust-analyzer's and rustc's too, and their
/// stacks end soon after a thousand.
const MAX_NESTING: usize = 500;
/// One level of [`Completeness::Incomplete`].
const INDENT: &str = "    ";

/// Whether a text is a whole cell, in the sense of Jupyter's
/// [`is_complete_request`](https://jupyter-client.readthedocs.io/en/stable/messaging.html#code-completeness).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Completeness {
    /// It can be executed.
    Complete,
    /// More text could make it whole.
    Incomplete {
        /// What the next line should begin with: 4 spaces for each line that opened a delimiter.
        indent: String,
    },
    /// No text that follows could make it whole.
    Invalid,
}

/// Tells whether a text is a whole cell. Parses it and nothing else: names and types are not looked at.
pub fn completeness(code: &str) -> Completeness {
    // The compiler's to explain.
    if too_deep(code).is_some() {
        return Completeness::Complete;
    }
    let parsed = ParsedCell::parse(code);
    if parsed.fault.is_some_and(Fault::is_final) {
        return Completeness::Invalid;
    }
    let end = parsed.end_of_text();
    let errors = parsed.errors.iter().filter(|error| !parsed.is_harmless(**error));
    let starts: Vec<usize> = errors.map(|error| usize::from(error.start())).collect();
    // Within a torn token everything is text.
    let end = parsed.torn.map_or(end, |torn| end.min(usize::from(torn.start())));
    if starts.iter().any(|&start| start < end) {
        return Completeness::Invalid;
    }
    if parsed.torn.is_some() {
        return Completeness::Incomplete { indent: String::new() };
    }
    if parsed.open.is_empty() && starts.is_empty() {
        return Completeness::Complete;
    }
    Completeness::Incomplete { indent: INDENT.repeat(parsed.open_lines()) }
}

/// A fault that evcxr would pass over: what stands behind it would be left out without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `/*` without `*/`; where it begins, in bytes.
    Comment(usize),
    /// A closing delimiter without an opening one, or of another kind; where, in bytes.
    Closing(usize),
    /// A delimiter within too many others, or an operator behind too many; where, in bytes.
    Nesting(usize),
}

impl Fault {
    fn is_final(self) -> bool {
        matches!(self, Self::Closing(_))
    }
}

/// The first such fault in a cell.
pub(crate) fn fault(code: &str) -> Option<Fault> {
    too_deep(code).or_else(|| ParsedCell::parse(code).fault)
}

/// Where a cell is nested too deep.
pub(crate) fn too_deep(code: &str) -> Option<Fault> {
    let start = magics::start_of_code(code);
    let tokens = LexedStr::new(Edition::Edition2024, &code[start..]);
    let mut delimiters = 0_usize;
    let mut prefixes = 0_usize;
    for index in 0..tokens.len() {
        match tokens.kind(index) {
            SyntaxKind::WHITESPACE | SyntaxKind::COMMENT => continue,
            T!['('] | T!['{'] | T!['['] => delimiters += 1,
            T![')'] | T!['}'] | T![']'] => delimiters = delimiters.saturating_sub(1),
            _ => {}
        }
        let is_prefix = matches!(tokens.kind(index), T![-] | T![!] | T![*] | T![&] | T![<] | T![|]);
        prefixes = if is_prefix { prefixes + 1 } else { 0 };
        if delimiters.max(prefixes) > MAX_NESTING {
            return Some(Fault::Nesting(start + tokens.text_start(index)));
        }
    }
    None
}

/// A cell's code, without the commands at its head, as evcxr parses it. Ranges are those of the parsed text.
struct ParsedCell<'a> {
    code: &'a str,
    /// Offset of `code` in the cell.
    start: usize,
    root: SyntaxNode,
    errors: Vec<TextRange>,
    /// Delimiters that are still open at the end: their offsets in `code`.
    open: Vec<usize>,
    /// A string, character or comment that does not end.
    torn: Option<TextRange>,
    fault: Option<Fault>,
}

impl<'a> ParsedCell<'a> {
    fn parse(cell: &'a str) -> Self {
        let start = magics::start_of_code(cell);
        let code = &cell[start..];
        let parsed = SourceFile::parse(&format!("{HEAD}{code}{TAIL}"), Edition::Edition2024);
        let errors = parsed.errors().iter().map(ra_ap_syntax::SyntaxError::range).collect();
        let root = parsed.syntax_node();
        let mut parsed = Self { code, start, root, errors, open: Vec::new(), torn: None, fault: None };
        parsed.scan();
        parsed
    }

    /// Matches delimiters, and finds what does not end.
    fn scan(&mut self) {
        let end = HEAD.len() + self.code.len();
        let mut open: Vec<(SyntaxKind, usize)> = Vec::new();
        for token in self.root.descendants_with_tokens().filter_map(NodeOrToken::into_token) {
            let at = usize::from(token.text_range().start());
            if at < HEAD.len() || at >= end {
                continue;
            }
            let at = at - HEAD.len();
            match token.kind() {
                kind @ (T!['{'] | T!['('] | T!['[']) => open.push((kind, at)),
                kind @ (T!['}'] | T![')'] | T![']'])
                    if open.pop().is_none_or(|(opened, _)| closing(opened) != kind) =>
                {
                    self.fault = Some(Fault::Closing(self.start + at));
                    return;
                }
                kind if usize::from(token.text_range().end()) > end && kind != SyntaxKind::WHITESPACE => {
                    self.torn = Some(token.text_range());
                    if kind == SyntaxKind::COMMENT && token.text().starts_with("/*") {
                        self.fault = Some(Fault::Comment(self.start + at));
                    }
                }
                _ => {}
            }
        }
        self.open = open.into_iter().map(|(_, at)| at).collect();
    }

    /// End of the last token that is neither blank nor a comment, in the parsed text.
    fn end_of_text(&self) -> usize {
        let end = HEAD.len() + self.code.len();
        let tokens = self.root.descendants_with_tokens().filter_map(NodeOrToken::into_token);
        let within = tokens.filter(|token| !token.kind().is_trivia() && usize::from(token.text_range().end()) <= end);
        within.last().map_or(HEAD.len(), |token| usize::from(token.text_range().end()))
    }

    /// Whether evcxr makes up for an error: it takes `use a::b` without its semicolon.
    fn is_harmless(&self, error: TextRange) -> bool {
        let last_statement = self
            .root
            .children()
            .next()
            .and_then(|function| function.last_child())
            .and_then(|body| body.last_child())
            .and_then(|statements| statements.last_child());
        last_statement.is_some_and(|statement| {
            let last = statement.last_token().map(|token| token.kind());
            statement.kind() == SyntaxKind::USE
                && matches!(last, Some(SyntaxKind::IDENT | T!['}'] | T![*]))
                && error.start() >= statement.text_range().end()
        })
    }

    /// Number of lines that opened what is open at the end.
    fn open_lines(&self) -> usize {
        let mut lines: Vec<usize> = self.open.iter().map(|&at| self.code[..at].matches('\n').count()).collect();
        lines.dedup();
        lines.len()
    }
}

fn closing(opening: SyntaxKind) -> SyntaxKind {
    match opening {
        T!['{'] => T!['}'],
        T!['('] => T![')'],
        _ => T![']'],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn complete(cells: &[&str]) {
        for cell in cells {
            assert_eq!(completeness(cell), Completeness::Complete, "{cell:?}");
        }
    }

    #[track_caller]
    fn incomplete(cells: &[(&str, usize)]) {
        for (cell, levels) in cells {
            let indent = INDENT.repeat(*levels);
            assert_eq!(completeness(cell), Completeness::Incomplete { indent }, "{cell:?}");
        }
    }

    #[track_caller]
    fn invalid(cells: &[&str]) {
        for cell in cells {
            assert_eq!(completeness(cell), Completeness::Invalid, "{cell:?}");
        }
    }

    #[test]
    fn deep_nesting_is_the_compilers_to_explain() {
        let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
        complete(&[&nested(MAX_NESTING), &nested(100_000), &"(".repeat(100_000)]);
        incomplete(&[(&"[".repeat(MAX_NESTING), 1)]);
        assert_eq!(fault(&nested(MAX_NESTING)), None);
        assert_eq!(fault(&format!(":dep x\n{}", nested(MAX_NESTING + 1))), Some(Fault::Nesting(7 + MAX_NESTING)));
        assert_eq!(fault(&format!("{}1", "- ".repeat(100_000))), Some(Fault::Nesting(2 * MAX_NESTING)));
        assert_eq!(fault(&format!("\"{}\"", "(".repeat(MAX_NESTING + 1))), None);
    }

    #[test]
    fn whole_cells() {
        complete(&[
            "",
            "  \n\n",
            "// a remark",
            "/* a remark /* within */ */",
            "let x = 5;",
            "let x = 5; // why",
            "1 + 1",
            "x",
            "(a, b).0",
            "println!(\"{}\", x)",
            "println!(\"{}\", x);",
            "vec![1, 2\n]",
            "html! { <p>it</p> }",
            "macro_rules! square { ($n:expr) => { $n * $n }; }",
            "use std::fmt;",
            "use std::fmt",
            "use std::{fmt, io::{self, Read}}",
            "use a::*",
            "use a::b; b()",
            "fn f() -> u8 { 1 }",
            "pub async fn f<'a, T: Send>(t: &'a T) -> Result<(), Box<dyn std::error::Error>> { Ok(()) }",
            "struct A;",
            "#[derive(Debug)]\nstruct A { a: u8 }",
            "#[derive(Debug)] enum E { A, B(u8) }\nimpl E {}\nE::A",
            "#![allow(unused)]",
            "#![allow(unused)] let a = 10;",
            "const A: u8 = 1;\nstatic B: u8 = 2;",
            "impl std::fmt::Display for A { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { Ok(()) } }",
            "mod m { pub fn f() {} }",
            "unsafe extern \"C\" { fn f(); }",
            "for i in 0..3 { println!(\"{i}\"); }",
            "if a { 1 } else { 2 }",
            "loop { break }",
            "llm.agenerate([\"hi\"]).await?",
            "let Some(x) = y else { panic!() };",
            "let f = |a: u8| -> u8 { a };",
            "'a: loop { break 'a; }",
            "let c = '{'; let b = b'('; let s = \"(\"; let r = r#\"[\"#; // {",
            "return;",
            "x.await",
            "async { 1 }.await",
            "{ 1 };\n",
            "let s = \"two\nlines\";",
            "extern crate serde_json;\nuse serde_json::json;",
            "..",
            "std::process::Command::new(\"sh\").args([\"-c\", \"echo\"]).status()?;",
            "let \u{e4} = \"\u{1f980}\";",
            "a < b && c > d",
        ]);
    }

    #[test]
    fn commands_at_the_head_are_no_code() {
        complete(&[
            ":vars",
            ":dep serde = { version = \"1\", features = [\"derive\" ",
            "!ls (",
            "!ls\n\n// remark\n:dep itoa = \"1\"\nlet x = 1;\nx",
            "  :opt 2",
        ]);
        incomplete(&[(":dep itoa\nfn f() {", 1), ("!ls {\nlet x =", 0)]);
        invalid(&["let x = 1;\n:vars"]);
    }

    #[test]
    fn more_could_follow() {
        incomplete(&[
            ("fn f() {", 1),
            ("fn f() {\n    if x {", 2),
            ("fn f() {\n    if x {\n        1\n    }", 1),
            ("tokio::spawn(async move {", 1),
            ("foo(\n    bar(", 2),
            ("let v = vec![\n    1,", 1),
            ("println!(\"{}\",", 1),
            ("println!(\"a\"", 1),
            ("match x {", 1),
            ("match x {\n    1 =>", 1),
            ("struct A {\n    a: u8,", 1),
            ("let x =", 0),
            ("let x = 5", 0),
            ("let x: Vec<", 0),
            ("1 +", 0),
            ("foo.", 0),
            ("foo::", 0),
            ("if x", 0),
            ("if x { 1 } else", 0),
            ("fn f()", 0),
            ("fn", 0),
            ("impl A for", 0),
            ("struct S", 0),
            ("const A: u8 = 3", 0),
            ("use std::", 0),
            ("use std::fmt as", 0),
            ("use std::{fmt,", 1),
            ("#[derive(Debug)]", 0),
            ("#[derive(Debug", 1),
            ("let s = \"abc", 0),
            ("let s = r#\"abc\"", 0),
            ("fn f() { let s = \"abc", 0),
            ("/* abc", 0),
            ("let a = 1; /* abc\n", 0),
            ("fn f() { // }", 1),
            ("for i in 0..3 {\n", 1),
            ("let f = |a| {", 1),
        ]);
    }

    #[test]
    fn nothing_could_help() {
        invalid(&[
            ")",
            "}",
            "let y = 1; } let z = 2;",
            "foo(]",
            "fn f() { (} ",
            "let = 5;",
            "let x = ; 1",
            "fn f( { 1 }",
            "1 2",
            "else { 1 }",
            "let x = 5 let y = 6;",
            "struct { a }",
            "let x = ;\nfn f() {",
            "let x = ; \"abc",
        ]);
    }

    #[test]
    fn faults_that_evcxr_passes_over_are_found() {
        assert_eq!(fault("/* abc"), Some(Fault::Comment(0)));
        assert_eq!(fault(":opt 2\nlet a = 1; /* abc */ /* d"), Some(Fault::Comment(28)));
        assert_eq!(fault("// /*\n\"/*\""), None);
        assert_eq!(fault("}"), Some(Fault::Closing(0)));
        assert_eq!(fault("f(1];"), Some(Fault::Closing(3)));
        assert_eq!(fault("f('}')"), None);
        assert_eq!(fault("f(\""), None);
    }
}
