//! Lines that a cell asks the user for.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use antiphon_channel::FromCell;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;

use crate::{cell, channel};

/// An answer, or why there is none.
type Answer = Result<String, String>;

static PENDING: Mutex<BTreeMap<u64, oneshot::Sender<Answer>>> = Mutex::new(BTreeMap::new());

/// Asks the user for a line, and waits for it. An interrupt ends the wait and costs no variable.
///
/// # Errors
/// No front end that could ask, or the cell ended before the answer came (in a task).
pub fn input(prompt: &str) -> io::Result<String> {
    ask(prompt, false)
}

/// As [`input()`], for an answer that is not to be seen while it is typed.
///
/// # Errors
/// As [`input()`].
pub fn password(prompt: &str) -> io::Result<String> {
    ask(prompt, true)
}

fn ask(prompt: &str, password: bool) -> io::Result<String> {
    static LAST_ID: AtomicU64 = AtomicU64::new(0);
    if !channel::is_connected() {
        return ask_evcxr(prompt, password);
    }
    let id = LAST_ID.fetch_add(1, Ordering::Relaxed) + 1;
    let (sender, receiver) = oneshot::channel();
    PENDING.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
    // What was printed before stands before the question.
    io::stdout().flush()?;
    channel::send(&FromCell::InputRequest { id, prompt: prompt.to_owned(), password });
    let answer = if cell::runs_here() {
        let mut answer = None;
        cell::block_in_cell(async { answer = receiver.await.ok() });
        answer
    } else {
        wait(receiver)
    };
    // Without an answer the engine is gone, and this process is about to end.
    let answer = answer.unwrap_or_else(|| Err("the front end is gone".to_owned()));
    answer.map_err(|reason| io::Error::new(io::ErrorKind::Unsupported, reason))
}

/// Waits on a thread of a task, or on one without a runtime.
fn wait(receiver: oneshot::Receiver<Answer>) -> Option<Answer> {
    let wait = || futures::executor::block_on(receiver).ok();
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}

/// The engine answers.
pub(crate) fn answer(id: u64, answer: Answer) {
    if let Some(sender) = PENDING.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
        // A cell that was interrupted does not wait any more.
        let _ = sender.send(answer);
    }
}

/// Asks in evcxr's own form, for a process without an engine.
fn ask_evcxr(prompt: &str, password: bool) -> io::Result<String> {
    let marker = if password { "EVCXR_INPUT_REQUEST_PASSWORD" } else { "EVCXR_INPUT_REQUEST" };
    writeln!(io::stdout(), "{marker}:{prompt}")?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
