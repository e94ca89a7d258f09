//! Cells from a person at a terminal.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use antiphon_engine::{Evaluator, sets_variables};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Behavior, Cmd, CompletionType, Config, Editor, ExternalPrinter, KeyCode, KeyEvent, Modifiers};
use tokio::runtime::Handle;

use crate::error::ErrorKind;
use crate::helper::{CellHelper, Typing};
use crate::reader::{Question, Typed};

/// Cells that are kept.
const HISTORY: usize = 10_000;
const PROMPT: &str = ">> ";
const STYLED_PROMPT: &str = "\u{1b}[1;32m>>\u{1b}[0m ";

/// A line editor. All it asks of the evaluator it asks on the thread that reads.
pub(crate) struct Terminal {
    editor: Editor<CellHelper, FileHistory>,
    history: Option<PathBuf>,
}

impl Terminal {
    pub(crate) fn open(evaluator: &Arc<dyn Evaluator>, history: Option<PathBuf>) -> Result<Self, ErrorKind> {
        let config = Config::builder()
            .max_history_size(HISTORY)
            .and_then(|config| config.history_ignore_dups(true))
            .map_err(ErrorKind::Terminal)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            // Also when the output goes to a pipe: the editor masks passwords on terminals alone.
            .behavior(Behavior::PreferTerm)
            .build();
        let history_in_memory = FileHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history_in_memory).map_err(ErrorKind::Terminal)?;
        let evaluator: Weak<dyn Evaluator> = Arc::downgrade(evaluator);
        editor.set_helper(Some(CellHelper::new(evaluator, Handle::current())));
        editor.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::ALT), Cmd::Newline);
        if let Some(path) = &history {
            // There may be none yet, and one that cannot be read is no reason not to work.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, history })
    }

    /// Prints above the prompt, from any thread. `None` where the terminal cannot do that.
    pub(crate) fn printer(&mut self) -> Option<Box<dyn ExternalPrinter + Send>> {
        self.editor.create_external_printer().ok().map(|printer| Box::new(printer) as _)
    }

    pub(crate) fn answer(&mut self, question: Question) -> Result<Typed, ErrorKind> {
        let (typing, prompt, styled) = match question {
            Question::Cell => (Typing::Code, PROMPT.to_owned(), STYLED_PROMPT.to_owned()),
            Question::Line { prompt } => (Typing::Answer, anstream::adapter::strip_str(&prompt).to_string(), prompt),
            Question::Password { prompt } => {
                (Typing::Password, anstream::adapter::strip_str(&prompt).to_string(), prompt)
            }
        };
        if let Some(helper) = self.editor.helper() {
            helper.set_typing(typing);
        }
        let echo = (typing == Typing::Password).then(Silence::of_terminal).flatten();
        let line = self.editor.readline(&(prompt, styled));
        drop(echo);
        match line {
            Ok(text) => {
                if typing == Typing::Code {
                    self.remember(&text);
                }
                Ok(Typed::Text(text))
            }
            Err(ReadlineError::Interrupted) => Ok(Typed::Interrupted),
            Err(ReadlineError::Eof) => Ok(Typed::End),
            // The other end of a terminal that was closed.
            Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Typed::End),
            Err(error) => Err(ErrorKind::Terminal(error)),
        }
    }

    /// Keeps a cell at once: a session may end by a signal.
    fn remember(&mut self, text: &str) {
        if sets_variables(text) || !self.editor.add_history_entry(text).unwrap_or_default() {
            return;
        }
        if let Some(path) = &self.history
            && let Err(error) = self.editor.append_history(path)
        {
            // Said nowhere but here: the cell itself is fine.
            tracing::debug!(%error, path = %path.display(), "a cell was not kept");
        }
    }
}

/// While it lives, the terminal shows nothing of what is typed: where the editor cannot draw (`TERM=dumb`), it masks
/// nothing either.
struct Silence(Termios);

impl Silence {
    fn of_terminal() -> Option<Self> {
        let settings = tcgetattr(io::stdin()).ok()?;
        let mut silent = settings.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Now, &silent).ok()?;
        Some(Self(settings))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
