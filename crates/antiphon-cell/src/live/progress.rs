//! Many calls at once, with a bar.

use std::future::Future;

use antiphon::{Error, LlmResult};
use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::FuturesUnordered;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::ticks;
use crate::display::{DisplayHandle, show_state};

/// Width of the bar, in characters.
const WIDTH: usize = 30;

/// Awaits calls together, as `join_all`, and shows how far they are: done, failed, tokens, rate, time left.
///
/// ```no_run
/// # use antiphon_cell::join_all_with_progress;
/// # async fn cell() {
/// let llm = antiphon::OpenAI::new();
/// let answers = join_all_with_progress((0..100).map(|_| llm.agenerate(["Hello"]))).await;
/// # }
/// ```
///
/// The answers come in the order of the calls. One display is updated at most 20 times a second.
///
/// # Cancel safety
///
/// Dropping the future drops the calls; the display keeps its last state.
pub fn join_all_with_progress<F>(
    calls: impl IntoIterator<Item = F>,
) -> BoxFuture<'static, Vec<Result<LlmResult, Error>>>
where
    F: Future<Output = Result<LlmResult, Error>> + Send + 'static,
{
    // Boxed here, so that a cell compiles no more than this.
    join_all(calls.into_iter().map(FutureExt::boxed).collect()).boxed()
}

async fn join_all(calls: Vec<BoxFuture<'static, Result<LlmResult, Error>>>) -> Vec<Result<LlmResult, Error>> {
    let mut progress = Progress::new(calls.len());
    let mut answers: Vec<Option<Result<LlmResult, Error>>> = calls.iter().map(|_| None).collect();
    let numbered = calls.into_iter().enumerate();
    let mut running: FuturesUnordered<_> = numbered.map(|(index, call)| call.map(move |it| (index, it))).collect();
    let mut ticks = ticks();
    loop {
        tokio::select! {
            ended = running.next() => match ended {
                Some((index, answer)) => {
                    progress.add(&answer);
                    answers[index] = Some(answer);
                }
                None => break,
            },
            // Also while no call ends: the time that is left changes.
            _ = ticks.tick() => progress.show(),
        }
    }
    drop(progress);
    answers.into_iter().flatten().collect()
}

struct Progress {
    total: usize,
    succeeded: usize,
    failed: usize,
    tokens: u64,
    started: Instant,
    /// The last state.
    text: String,
    shown: Option<DisplayHandle>,
}

/// The last state is shown, whatever becomes of the calls.
impl Drop for Progress {
    fn drop(&mut self) {
        self.show();
    }
}

impl Progress {
    fn new(total: usize) -> Self {
        let started = Instant::now();
        Self { total, succeeded: 0, failed: 0, tokens: 0, started, text: String::new(), shown: None }
    }

    fn add(&mut self, answer: &Result<LlmResult, Error>) {
        match answer {
            Ok(result) => {
                self.succeeded += 1;
                self.tokens += result.llm_output.token_usage.total_tokens;
            }
            Err(_) => self.failed += 1,
        }
    }

    fn show(&mut self) {
        let text = text(self.total, self.succeeded, self.failed, self.tokens, self.started.elapsed().as_secs_f64());
        if text == self.text {
            return;
        }
        self.text.clone_from(&text);
        let done = self.succeeded + self.failed;
        let html = format!("<progress value=\"{done}\" max=\"{}\"></progress> {text}", self.total.max(1));
        let bar = "#".repeat(WIDTH * done / self.total.max(1));
        let data = Map::from_iter([
            ("text/html".to_owned(), Value::String(html)),
            ("text/plain".to_owned(), Value::String(format!("[{bar:-<WIDTH$}] {text}"))),
        ]);
        show_state(&mut self.shown, data);
    }
}

fn text(total: usize, succeeded: usize, failed: usize, tokens: u64, seconds: f64) -> String {
    let done = succeeded + failed;
    let mut parts = vec![format!("{done}/{total} done")];
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    parts.push(format!("{tokens} tokens"));
    #[expect(clippy::cast_precision_loss, reason = "counts of calls are small")]
    if done > 0 && seconds > 0.0 {
        let rate = done as f64 / seconds;
        parts.push(format!("{rate:.1}/s"));
        parts.push(if done < total {
            format!("{:.0} s left", (total - done) as f64 / rate)
        } else {
            format!("{seconds:.1} s")
        });
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_bar_says() {
        assert_eq!(text(4, 0, 0, 0, 0.0), "0/4 done, 0 tokens");
        assert_eq!(text(4, 1, 1, 30, 2.0), "2/4 done, 1 failed, 30 tokens, 1.0/s, 2 s left");
        assert_eq!(text(4, 4, 0, 60, 2.0), "4/4 done, 60 tokens, 2.0/s, 2.0 s");
        assert_eq!(text(0, 0, 0, 0, 1.0), "0/0 done, 0 tokens");
    }
}
