//! What the line editor asks while a cell is typed.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Weak;
use std::time::Duration;

use antiphon_engine::{Completeness, Evaluator, completeness};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter, MatchingBracketHighlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};
use tokio::runtime::Handle;

/// A completion that comes later is of no use.
const COMPLETION_LIMIT: Duration = Duration::from_secs(2);

/// What is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typing {
    Code,
    Answer,
    Password,
}

pub(crate) struct CellHelper {
    /// The editor's thread must not keep the evaluator from ending.
    evaluator: Weak<dyn Evaluator>,
    runtime: Handle,
    brackets: MatchingBracketHighlighter,
    typing: Cell<Typing>,
}

impl CellHelper {
    pub(crate) fn new(evaluator: Weak<dyn Evaluator>, runtime: Handle) -> Self {
        Self { evaluator, runtime, brackets: MatchingBracketHighlighter::new(), typing: Cell::new(Typing::Code) }
    }

    pub(crate) fn set_typing(&self, typing: Typing) {
        self.typing.set(typing);
    }

    fn is_code(&self) -> bool {
        self.typing.get() == Typing::Code
    }
}

impl Completer for CellHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let Some(evaluator) = self.evaluator.upgrade().filter(|_| self.is_code()) else {
            return Ok((pos, Vec::new()));
        };
        let answer = async { tokio::time::timeout(COMPLETION_LIMIT, evaluator.complete(line, pos)).await };
        let completions = self.runtime.block_on(answer).unwrap_or_default();
        // The editor replaces what stands before the cursor, and nothing behind it.
        if completions.items.is_empty() || completions.start > pos || completions.end > pos {
            return Ok((pos, Vec::new()));
        }
        let pairs = completions.items.into_iter().map(|item| Pair { display: item.label, replacement: item.code });
        Ok((completions.start, pairs.collect()))
    }
}

impl Validator for CellHelper {
    /// A cell that more text could make whole goes on; the compiler says best what is wrong with any other.
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let goes_on = self.is_code() && matches!(completeness(context.input()), Completeness::Incomplete { .. });
        Ok(if goes_on { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

impl Highlighter for CellHelper {
    fn highlight<'l>(&self, line: &'l str, pos: usize) -> Cow<'l, str> {
        match self.typing.get() {
            Typing::Code => self.brackets.highlight(line, pos),
            Typing::Answer => Cow::Borrowed(line),
            Typing::Password => Cow::Owned("*".repeat(line.chars().count())),
        }
    }

    fn highlight_char(&self, line: &str, pos: usize, kind: CmdKind) -> bool {
        match self.typing.get() {
            Typing::Code => self.brackets.highlight_char(line, pos, kind),
            Typing::Answer => false,
            Typing::Password => true,
        }
    }
}

impl Hinter for CellHelper {
    type Hint = String;
}

impl Helper for CellHelper {}
