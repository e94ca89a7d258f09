//! Two outputs that may be one screen.

use std::fmt;
use std::io::{IsTerminal as _, Write};

use anstream::adapter::strip_str;

pub(crate) const BOLD: &str = "\u{1b}[1m";
pub(crate) const DIM: &str = "\u{1b}[2m";
pub(crate) const GREEN: &str = "\u{1b}[32m";
pub(crate) const RED: &str = "\u{1b}[1;31m";
pub(crate) const YELLOW: &str = "\u{1b}[33m";
const PLAIN: &str = "\u{1b}[0m";

/// Standard output for what cells write, standard error for all else.
pub(crate) struct Screen {
    out: Output,
    err: Output,
    /// Colours for our own lines.
    color: bool,
    /// Both outputs are one terminal, on which one continues the other's line.
    shared: bool,
}

/// One of the two. Failures to write, to a closed pipe for example, are not the run's business.
struct Output {
    writer: Box<dyn Write + Send>,
    /// What was written last does not end with a line end.
    mid_line: bool,
}

impl Screen {
    pub(crate) fn stdio() -> Self {
        let (out, err) = (std::io::stdout(), std::io::stderr());
        let color = anstream::AutoStream::choice(&err) != anstream::ColorChoice::Never;
        let shared = out.is_terminal() && err.is_terminal();
        Self { shared, ..Self::new(Box::new(out), Box::new(err), color) }
    }

    pub(crate) fn new(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>, color: bool) -> Self {
        let output = |writer| Output { writer, mid_line: false };
        Self { out: output(out), err: output(err), color, shared: false }
    }

    /// Text of ours, coloured if colours are wanted.
    pub(crate) fn paint(&self, style: &str, text: impl fmt::Display) -> String {
        if self.color { format!("{style}{text}{PLAIN}") } else { text.to_string() }
    }

    /// A line of ours.
    pub(crate) fn say(&mut self, line: &str) {
        let mid_line = self.err.mid_line || (self.shared && self.out.mid_line);
        let line_end = if mid_line { "\n" } else { "" };
        self.write_err(format!("{line_end}{line}\n").as_bytes());
    }

    /// A line of ours that has colours already.
    pub(crate) fn say_colored(&mut self, line: &str) {
        if self.color {
            self.say(line);
        } else {
            self.say(&strip_str(line).to_string());
        }
    }

    /// Lines of a cell's, after the line that may stand there half-written.
    pub(crate) fn write_lines(&mut self, text: &str) {
        let mid_line = self.out.mid_line || (self.shared && self.err.mid_line);
        let line_end = if mid_line { "\n" } else { "" };
        self.write_out(format!("{line_end}{}\n", text.trim_end_matches('\n')).as_bytes());
    }

    /// Bytes that a cell wrote to its standard output.
    pub(crate) fn write_out(&mut self, bytes: &[u8]) {
        self.out.write(bytes);
        self.err.mid_line &= !self.shared;
    }

    /// Bytes that a cell wrote to its standard error.
    pub(crate) fn write_err(&mut self, bytes: &[u8]) {
        self.err.write(bytes);
        self.out.mid_line &= !self.shared;
    }
}

impl Output {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last() {
            self.mid_line = *last != b'\n';
        }
        let _ = self.writer.write_all(bytes);
        let _ = self.writer.flush();
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("color", &self.color).field("shared", &self.shared).finish_non_exhaustive()
    }
}
