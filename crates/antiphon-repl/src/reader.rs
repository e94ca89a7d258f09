//! The thread that reads: both a line editor and a pipe keep their thread waiting.

use std::io::{self, BufRead, IsTerminal as _};
use std::sync::{Arc, mpsc as blocking};
use std::thread;

use antiphon_engine::Evaluator;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::ExternalPrinter;
use tokio::sync::mpsc;

use crate::error::{Error, ErrorKind};
use crate::options::Options;
use crate::pipe;
use crate::terminal::Terminal;

/// What the thread is to read next.
#[derive(Debug)]
pub(crate) enum Question {
    Cell,
    Line { prompt: String },
    Password { prompt: String },
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Typed {
    Text(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or the end of the pipe.
    End,
}

/// Where cells and answers come from.
pub struct Reader {
    questions: blocking::Sender<Question>,
    answers: mpsc::Receiver<Result<Typed, ErrorKind>>,
    pub(crate) is_terminal: bool,
    /// Prints above the prompt.
    pub(crate) printer: Option<Box<dyn ExternalPrinter + Send>>,
    /// The terminal's settings, for the time after the REPL.
    settings: Option<Termios>,
    is_reading: bool,
}

impl Reader {
    /// This process's standard input.
    ///
    /// # Errors
    /// It is a terminal that cannot be used.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn open(evaluator: &Arc<dyn Evaluator>, options: &Options) -> Result<Self, Error> {
        if !io::stdin().is_terminal() {
            return Self::pipe(io::BufReader::new(io::stdin()));
        }
        let settings = tcgetattr(io::stdin()).ok();
        let mut terminal = Terminal::open(evaluator, options.history.clone())?;
        let printer = terminal.printer();
        let mut reader = Self::start(move |question| terminal.answer(question))?;
        (reader.is_terminal, reader.printer, reader.settings) = (true, printer, settings);
        Ok(reader)
    }

    /// Anything but a terminal.
    ///
    /// # Errors
    /// The thread that reads cannot be started.
    pub fn pipe(mut input: impl BufRead + Send + 'static) -> Result<Self, Error> {
        Self::start(move |question| {
            let text = match question {
                Question::Cell => pipe::cell(&mut input),
                Question::Line { .. } | Question::Password { .. } => pipe::line(&mut input),
            };
            Ok(text.map_err(ErrorKind::Input)?.map_or(Typed::End, Typed::Text))
        })
    }

    fn start(mut answer: impl FnMut(Question) -> Result<Typed, ErrorKind> + Send + 'static) -> Result<Self, Error> {
        let (questions, asked) = blocking::channel();
        let (answered, answers) = mpsc::channel(1);
        // Not one of the runtime's threads: those are waited for, and this one may wait for ever.
        let thread = thread::Builder::new().name("antiphon-input".to_owned());
        let read = move || {
            while let Ok(question) = asked.recv() {
                if answered.blocking_send(answer(question)).is_err() {
                    return;
                }
            }
        };
        thread.spawn(read).map_err(ErrorKind::Thread)?;
        Ok(Self { questions, answers, is_terminal: false, printer: None, settings: None, is_reading: false })
    }

    /// Whether a person types.
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    pub(crate) fn ask(&mut self, question: Question) {
        // A thread that is gone is told by `answer`.
        let _ = self.questions.send(question);
        self.is_reading = true;
    }

    /// The answer to the last question.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn answer(&mut self) -> Result<Typed, ErrorKind> {
        let answer = self.answers.recv().await;
        self.is_reading = false;
        answer.unwrap_or_else(|| Err(ErrorKind::Thread(io::Error::other("it panicked"))))
    }
}

impl Drop for Reader {
    /// A line editor that was left in the middle of a line has the terminal as it needs it.
    fn drop(&mut self) {
        if let (true, Some(settings)) = (self.is_reading, &self.settings) {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, settings);
            // Pasted text is marked no more.
            let _ = io::Write::write_all(&mut io::stdout(), b"\x1b[?2004l\n");
        }
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("is_terminal", &self.is_terminal).finish_non_exhaustive()
    }
}
