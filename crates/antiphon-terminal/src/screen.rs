//! Two outputs that may be one screen.

use std::fmt;
use std::io::{IsTerminal as _, Write};

use anstream::adapter::strip_str;
use antiphon_engine::{Display, Event};

use crate::live::{Change, Live, plain_text};

/// For headings.
pub const BOLD: &str = "\u{1b}[1m";
/// For what matters little.
pub const DIM: &str = "\u{1b}[2m";
/// For success.
pub const GREEN: &str = "\u{1b}[32m";
/// For failure.
pub const RED: &str = "\u{1b}[1;31m";
/// For remarks.
pub const YELLOW: &str = "\u{1b}[33m";
const PLAIN: &str = "\u{1b}[0m";
/// To the line's beginning, and what stands there is gone.
const CLEAR_LINE: &str = "\r\u{1b}[K";

/// Standard output for what cells write, standard error for all else.
///
/// What cells write goes out as it is, ANSI codes and all; only the screen's own lines have colours or not. Failures to
/// write, to a closed pipe for example, are passed over. What was written by half is finished when it is dropped.
pub struct Screen {
    out: Output,
    err: Output,
    /// Colours for our own lines.
    color: bool,
    /// Both outputs are one, in which one continues the other's line.
    shared: bool,
    /// It is a terminal, on which lines can be written anew.
    is_terminal: bool,
    /// The display that stands last.
    live: Option<Live>,
    /// Those of the cell that stood last once: only their last state is shown again, when the cell ends.
    left: Vec<Live>,
}

/// One of the two.
struct Output {
    writer: Box<dyn Write + Send>,
    /// What was written last does not end with a line end.
    mid_line: bool,
    /// The end of what was written since the last line end.
    line: Vec<u8>,
}

/// A longer line is no prompt.
const MAX_OPEN_LINE: usize = 4096;

impl Screen {
    /// This process's outputs; in colours if standard error is a terminal and `NO_COLOR` is not set.
    pub fn stdio() -> Self {
        let (out, err) = (std::io::stdout(), std::io::stderr());
        let color = anstream::AutoStream::choice(&err) != anstream::ColorChoice::Never;
        let shared = out.is_terminal() && err.is_terminal();
        let mut screen = Self::new(Box::new(out), Box::new(err), color);
        screen.shared = shared;
        screen.is_terminal = shared;
        screen
    }

    /// One output for everything that is not a terminal.
    pub fn single(output: impl Write + Clone + Send + 'static, color: bool) -> Self {
        let mut screen = Self::new(Box::new(output.clone()), Box::new(output), color);
        screen.shared = true;
        screen
    }

    /// Any outputs.
    pub fn new(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>, color: bool) -> Self {
        let output = |writer| Output { writer, mid_line: false, line: Vec::new() };
        Self {
            out: output(out),
            err: output(err),
            color,
            shared: false,
            is_terminal: false,
            live: None,
            left: Vec::new(),
        }
    }

    /// Whether the screen's own lines have colours.
    pub fn has_color(&self) -> bool {
        self.color
    }

    /// Text of ours, coloured if colours are wanted.
    pub fn paint(&self, style: &str, text: impl fmt::Display) -> String {
        if self.color { format!("{style}{text}{PLAIN}") } else { text.to_string() }
    }

    /// A line of ours.
    pub fn say(&mut self, line: &str) {
        self.settle();
        let mid_line = self.err.mid_line || (self.shared && self.out.mid_line);
        let line_end = if mid_line { "\n" } else { "" };
        self.write_err(format!("{line_end}{line}\n").as_bytes());
    }

    /// A line of ours that has colours already.
    pub fn say_colored(&mut self, line: &str) {
        if self.color {
            self.say(line);
        } else {
            self.say(&strip_str(line).to_string());
        }
    }

    /// What a cell wrote of a line that it has not ended: on a terminal, what stands before the cursor.
    pub fn open_line(&mut self) -> String {
        self.settle();
        let line = if self.shared && self.err.mid_line { &self.err.line } else { &self.out.line };
        String::from_utf8_lossy(line).into_owned()
    }

    /// Ends the line that is open, if one is.
    pub fn end_line(&mut self) {
        self.settle();
        let line_end = self.line_end();
        self.write_out(line_end.as_bytes());
    }

    /// Shows the last state of displays that may have changed; further changes are new displays.
    pub fn end_displays(&mut self) {
        self.settle();
        for left in std::mem::take(&mut self.left) {
            if let Some(text) = left.rest() {
                self.write_lines(&text);
            }
        }
    }

    /// Somebody else has ended the line that was open.
    pub fn line_was_ended(&mut self) {
        for output in [&mut self.out, &mut self.err] {
            output.mid_line = false;
            output.line.clear();
        }
    }

    /// Prints what happened in a cell. Questions and ends are the front end's.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Stdout(bytes) => self.write_out(bytes),
            Event::Stderr(bytes) => self.write_err(bytes),
            Event::Display(display) => self.display(display),
            Event::Note(text) => {
                let line = self.paint(YELLOW, format_args!("antiphon: {text}"));
                self.say(&line);
            }
            Event::Compiling(line) => {
                let line = self.paint(DIM, format_args!("    {line}"));
                self.say(&line);
            }
            // A screen that scrolls has nothing to clear.
            _ => {}
        }
    }

    /// The display that stands last goes on where it ended; on a terminal, one of a single line is written anew. Where
    /// neither is possible, the first state is followed by the last, when something else is written. Of displays that
    /// stand further up, the last state follows when the cell ends.
    fn display(&mut self, display: &Display) {
        let text = plain_text(display);
        let Some(id) = &display.display_id else {
            return self.write_lines(&text);
        };
        let columns = self.columns();
        if let Some(live) = self.live.as_mut().filter(|live| display.update && live.is(id)) {
            match live.update(text, columns) {
                Change::Append(more) => self.out.write(more.as_bytes()),
                Change::Rewrite(text) => self.out.write(format!("{CLEAR_LINE}{text}").as_bytes()),
                Change::Wait => {}
            }
            return;
        }
        if let Some(left) = self.left.iter_mut().find(|left| display.update && left.is(id)) {
            left.wait(text);
            return;
        }
        self.settle();
        let line_end = self.line_end();
        self.write_out(format!("{line_end}{text}").as_bytes());
        self.live = Some(Live::new(id.clone(), text));
    }

    /// Lines of a cell's, after the line that may stand there half-written.
    fn write_lines(&mut self, text: &str) {
        self.settle();
        let line_end = self.line_end();
        self.write_out(format!("{line_end}{text}\n").as_bytes());
    }

    /// Bytes that a cell wrote to its standard output.
    fn write_out(&mut self, bytes: &[u8]) {
        self.settle();
        self.out.write(bytes);
        self.err.mid_line &= !self.shared;
    }

    /// Bytes that a cell wrote to its standard error.
    fn write_err(&mut self, bytes: &[u8]) {
        self.settle();
        self.err.write(bytes);
        self.out.mid_line &= !self.shared;
    }

    /// Ends a display that could have changed still.
    fn settle(&mut self) {
        if let Some(mut live) = self.live.take() {
            let rest = live.show_rest().map(|text| format!("\n{text}")).unwrap_or_default();
            self.out.write(format!("{rest}\n").as_bytes());
            self.left.push(live);
        }
    }

    /// What must be written before a cell's line that is to stand alone.
    fn line_end(&self) -> &'static str {
        if self.out.mid_line || (self.shared && self.err.mid_line) { "\n" } else { "" }
    }

    /// The width of the terminal, if it is one.
    fn columns(&self) -> Option<usize> {
        let size = self.is_terminal.then(|| rustix::termios::tcgetwinsize(std::io::stdout()))?.ok()?;
        Some(usize::from(size.ws_col))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.end_displays();
    }
}

impl Output {
    fn write(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        self.mid_line = *last != b'\n';
        if let Some(end) = bytes.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line = bytes[end + 1..].to_vec();
        } else {
            self.line.extend_from_slice(bytes);
        }
        let excess = self.line.len().saturating_sub(MAX_OPEN_LINE);
        self.line.drain(..excess);
        let _ = self.writer.write_all(bytes);
        let _ = self.writer.flush();
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("color", &self.color).field("shared", &self.shared).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn display(text: &str, id: Option<&str>, update: bool) -> Event {
        let display = json!({
            "data": { "text/plain": text }, "metadata": {}, "display_id": id, "update": update, "result": false,
        });
        Event::Display(serde_json::from_value(display).unwrap())
    }

    /// What a screen shows of events; both outputs are one terminal or none is.
    fn shown(events: &[Event], shared: bool) -> String {
        let out = Shared::default();
        let mut screen = Screen::new(Box::new(out.clone()), Box::new(out.clone()), false);
        screen.shared = shared;
        for event in events {
            screen.event(event);
        }
        drop(screen);
        let bytes = out.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_display_grows_in_place_and_what_follows_has_its_own_line() {
        let events = [
            display("An", Some("a"), false),
            display("An answer", Some("a"), true),
            Event::Stdout(b"printed\n".to_vec()),
            // No longer the last thing on the screen.
            display("An answer to", Some("a"), true),
            display("An answer to all", Some("a"), true),
            display("alone", None, false),
        ];
        assert_eq!(shown(&events, false), "An answer\nprinted\nalone\nAn answer to all\n");
    }

    #[test]
    fn on_a_pipe_a_display_that_changes_shows_its_first_and_its_last_state() {
        let events = [
            display("1 of 9", Some("p"), false),
            display("2 of 9", Some("p"), true),
            display("9 of 9", Some("p"), true),
        ];
        assert_eq!(shown(&events, false), "1 of 9\n9 of 9\n");
    }

    #[test]
    fn a_display_does_not_go_on_in_a_line_that_a_cell_began() {
        let events =
            [Event::Stdout(b"half".to_vec()), display("whole", Some("d"), false), Event::Note("said".to_owned())];
        assert_eq!(shown(&events, true), "half\nwhole\nantiphon: said\n");
    }

    #[test]
    fn displays_that_grow_in_turn_are_shown_twice_at_most() {
        let mut events = vec![display("a", Some("a"), false), display("b", Some("b"), false)];
        for length in 2..20 {
            events.push(display(&"a".repeat(length), Some("a"), true));
            events.push(display(&"b".repeat(length), Some("b"), true));
        }
        let (a, b) = ("a".repeat(19), "b".repeat(19));
        assert_eq!(shown(&events, false), format!("a\n{b}\n{a}\n"));
    }

    #[test]
    fn the_line_before_the_cursor() {
        let mut screen = Screen::new(Box::new(io::sink()), Box::new(io::sink()), false);
        screen.event(&Event::Stdout(b"one\r\ntwo".to_vec()));
        screen.event(&Event::Stdout(b" three".to_vec()));
        assert_eq!(screen.open_line(), "two three");
        screen.line_was_ended();
        assert_eq!(screen.open_line(), "");
        screen.event(&display("an answer", Some("a"), false));
        assert_eq!(screen.open_line(), "", "a display has its own line");
    }
}
