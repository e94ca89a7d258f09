//! Answers and progress that grow in place: one display, updated while the calls go on.

use std::time::Duration;

use antiphon::{Error, LlmResult, LlmStream, StreamEvent};
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::display::{DisplayHandle, show_state};

mod progress;

pub use progress::join_all_with_progress;

/// The least time between two states of a display: 20 states a second.
const INTERVAL: Duration = Duration::from_millis(50);

/// Shows an answer as Markdown that grows while it arrives, and gives the whole answer.
///
/// One display is updated at most 20 times a second; what is stored in the notebook is its last state. While the model
/// only thinks, its thoughts are shown as a quotation, which the answer then replaces.
///
/// ```no_run
/// # use antiphon_cell::display_stream;
/// # async fn cell() -> Result<(), antiphon::Error> {
/// let llm = antiphon::ChatOpenAI::new();
/// let answer = display_stream(llm.astream("Tell me a story.").await?).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Those of the stream. What had arrived by then stays on display.
///
/// # Cancel safety
///
/// Dropping the future closes the connection; what had arrived by then is shown, and stays.
pub fn display_stream(answer: LlmStream) -> BoxFuture<'static, Result<LlmResult, Error>> {
    Box::pin(show(answer))
}

async fn show(mut answer: LlmStream) -> Result<LlmResult, Error> {
    let mut growing = Growing::default();
    let mut ticks = ticks();
    loop {
        tokio::select! {
            event = answer.next() => match event {
                Some(Ok(StreamEvent::End(result))) => return Ok(result),
                Some(event) => growing.take(event?),
                // `LlmStream` ends with an error or with its result.
                None => return answer.result().await,
            },
            _ = ticks.tick() => growing.update(),
        }
    }
}

/// An answer so far, whose last state is shown when it is dropped.
#[derive(Default)]
struct Growing {
    text: String,
    reasoning: String,
    shown: Option<DisplayHandle>,
    is_stale: bool,
}

impl Growing {
    fn take(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Text(text) => self.text.push_str(&text),
            StreamEvent::Reasoning(text) if self.text.is_empty() => self.reasoning.push_str(&text),
            StreamEvent::Restart => (self.text, self.reasoning) = <(String, String)>::default(),
            _ => return,
        }
        self.is_stale = true;
    }

    fn update(&mut self) {
        if std::mem::take(&mut self.is_stale) {
            let text = if self.text.is_empty() { quotation(&self.reasoning) } else { self.text.clone() };
            let data = Map::from_iter([
                ("text/markdown".to_owned(), Value::String(text.clone())),
                ("text/plain".to_owned(), Value::String(text)),
            ]);
            show_state(&mut self.shown, data);
        }
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        self.update();
    }
}

fn quotation(text: &str) -> String {
    text.lines().map(|line| format!("> {line}\n")).collect()
}

/// When states may be shown.
fn ticks() -> Interval {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
