//! An evaluator whose cells do what their code says, word by word.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use antiphon_engine::{BoxFuture, CellError, End, Evaluator, Event, Metrics, RunningCell};
use antiphon_repl::Signal;
use tokio::sync::{Notify, mpsc};

/// Cells of words: `print` prints, `ask` asks, `fail` fails, `ctrl-c` sends that signal and fails when it is interrupted,
/// `deaf` does not fail then, `later` has tasks print and waits until one was heard, `die` takes the evaluator along.
pub(crate) struct Fake {
    shared: Arc<Shared>,
    background: Mutex<Option<mpsc::Receiver<(u64, Event)>>>,
}

struct Shared {
    log: Mutex<Vec<String>>,
    interrupted: Notify,
    answered: Notify,
    is_dead: Mutex<bool>,
    later: mpsc::Sender<(u64, Event)>,
    signals: mpsc::Sender<Signal>,
}

impl Fake {
    pub(crate) fn new(signals: mpsc::Sender<Signal>) -> Self {
        let (later, background) = mpsc::channel(1);
        let shared = Shared {
            log: Mutex::default(),
            interrupted: Notify::new(),
            answered: Notify::new(),
            is_dead: Mutex::default(),
            later,
            signals,
        };
        Self { shared: Arc::new(shared), background: Mutex::new(Some(background)) }
    }

    /// `run CODE`, `interrupt`, `reply TEXT`, `refuse`, in order.
    pub(crate) fn log(&self) -> Vec<String> {
        self.shared.log.lock().unwrap().clone()
    }
}

impl Shared {
    fn note(&self, text: impl Into<String>) {
        self.log.lock().unwrap().push(text.into());
    }
}

impl Evaluator for Fake {
    fn execute(&self, code: &str) -> Box<dyn RunningCell> {
        self.shared.note(format!("run {}", code.trim_end()));
        let words = code.split_whitespace().map(ToOwned::to_owned).collect();
        Box::new(FakeCell { words, is_asking: false, shared: Arc::clone(&self.shared) })
    }

    fn interrupt(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.shared.note("interrupt");
            self.shared.interrupted.notify_one();
        })
    }

    fn background_events(&self) -> Option<mpsc::Receiver<(u64, Event)>> {
        self.background.lock().unwrap().take()
    }

    fn is_alive(&self) -> bool {
        !*self.shared.is_dead.lock().unwrap()
    }

    fn shut_down(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

struct FakeCell {
    words: VecDeque<String>,
    is_asking: bool,
    shared: Arc<Shared>,
}

impl RunningCell for FakeCell {
    fn id(&self) -> u64 {
        0
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Event>> {
        Box::pin(async {
            if self.is_asking {
                self.shared.answered.notified().await;
                self.is_asking = false;
            }
            loop {
                let Some(word) = self.words.front().cloned() else {
                    return Some(Event::End(End::Finished, Metrics::default()));
                };
                match word.as_str() {
                    "ctrl-c" | "deaf" => {
                        self.shared.signals.send(Signal::Interrupt).await.unwrap();
                        self.shared.interrupted.notified().await;
                    }
                    "die" => *self.shared.is_dead.lock().unwrap() = true,
                    _ => {}
                }
                self.words.pop_front();
                match word.as_str() {
                    "print" => return Some(Event::Stdout(b"printed\n".to_vec())),
                    "ask" => {
                        self.is_asking = true;
                        return Some(Event::InputRequest { prompt: "name: ".to_owned(), password: false });
                    }
                    "later" => {
                        // There is room for the second once the first was taken.
                        for _ in 0..2 {
                            let event = Event::Stdout(b"by a task\n".to_vec());
                            self.shared.later.send((0, event)).await.unwrap();
                        }
                    }
                    "fail" | "ctrl-c" | "die" => return Some(failed()),
                    _ => {}
                }
            }
        })
    }

    fn reply(&self, value: String) -> BoxFuture<'_, ()> {
        self.shared.note(format!("reply {value:?}"));
        self.shared.answered.notify_one();
        Box::pin(async {})
    }

    fn refuse_input(&self) -> BoxFuture<'_, ()> {
        self.shared.note("refuse");
        self.shared.answered.notify_one();
        Box::pin(async {})
    }
}

fn failed() -> Event {
    let error = CellError {
        ename: "Panic".to_owned(),
        evalue: "it failed".to_owned(),
        traceback: vec!["\u{1b}[1;31mPanic\u{1b}[0m: it failed".to_owned()],
        diagnostics: Vec::new(),
        lost_variables: Vec::new(),
    };
    Event::End(End::Failed(error), Metrics::default())
}
