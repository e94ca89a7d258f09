//! Any number of prompts, a bounded number of them at a time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::panic;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::error::Error;
use crate::llm::{CallStyle, Llm};
use crate::prompt::Prompt;
use crate::result::LlmResult;
use crate::transport::background;

/// What is told of progress.
type Report = Box<dyn FnMut(&BatchProgress) + Send>;

/// Prompts in flight at once, unless told otherwise.
const MAX_CONCURRENCY: usize = 100;

/// The answers to a list of any length; from `abatch`.
///
/// It is a stream. Each prompt is a call of its own on a task of its own, so calls go on while the reader does something
/// else; at most [`max_concurrency`](Self::max_concurrency) are running or waiting to be read, so that a slow reader
/// bounds what is sent and kept. Nothing starts before it is polled. Dropping it drops the calls that run. Errors are in
/// its items.
///
/// ```
/// # #[tokio::main]
/// # async fn main() {
/// # let sim = antiphon_sim::for_example();
/// use antiphon::OpenAI;
///
/// let questions = (1..=1_000).map(|number| format!("Is {number} prime?"));
/// let mut answers = OpenAI::new().abatch(questions).max_concurrency(50).as_completed();
/// while let Some(answer) = answers.next().await {
///     match answer.result {
///         Ok(result) => println!("{}: {result}", answer.index),
///         Err(error) => println!("{}: {error}", answer.index),
///     }
/// }
/// # assert_eq!(sim.activity().received, 1_000);
/// # }
/// ```
#[must_use = "a batch does nothing unless it is read"]
pub struct Batch {
    llm: Arc<dyn Llm>,
    style: CallStyle,
    prompts: BoxStream<'static, Prompt>,
    has_all_prompts: bool,
    max_concurrency: usize,
    in_order: bool,
    progress: BatchProgress,
    on_progress: Option<Report>,
    running: JoinSet<BatchItem>,
    /// Finished and not yet read: by index if in order, else as they came.
    finished: BTreeMap<usize, BatchItem>,
    completed: VecDeque<BatchItem>,
    /// The first prompt whose answer has not been read, and those behind it whose answer has.
    next_index: usize,
    read_ahead: BTreeSet<usize>,
}

/// The answer to one prompt of a [`Batch`].
#[derive(Debug)]
#[non_exhaustive]
pub struct BatchItem {
    /// The prompt's place in the list, from 0.
    pub index: usize,
    /// Its answer. One prompt's failure is not another's.
    pub result: Result<LlmResult, Error>,
}

/// How far a [`Batch`] has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchProgress {
    /// Calls begun.
    pub started: usize,
    /// Calls that were answered.
    pub succeeded: usize,
    /// Calls that failed, after their retries.
    pub failed: usize,
    /// All prompts, if their number is known beforehand.
    pub total: Option<usize>,
}

impl Batch {
    pub(crate) fn new(llm: Arc<dyn Llm>, prompts: Box<dyn Iterator<Item = Prompt> + Send>) -> Self {
        Self::from_stream(llm, stream::iter(prompts).boxed())
    }

    pub(crate) fn from_stream(llm: Arc<dyn Llm>, prompts: BoxStream<'static, Prompt>) -> Self {
        let total = match prompts.size_hint() {
            (low, Some(high)) if low == high => Some(high),
            _ => None,
        };
        Self {
            llm,
            style: CallStyle::Async,
            prompts,
            has_all_prompts: false,
            max_concurrency: MAX_CONCURRENCY,
            in_order: true,
            progress: BatchProgress { total, ..BatchProgress::default() },
            on_progress: None,
            running: JoinSet::new(),
            finished: BTreeMap::new(),
            completed: VecDeque::new(),
            next_index: 0,
            read_ahead: BTreeSet::new(),
        }
    }

    pub(crate) fn blocking(self) -> Self {
        Self { style: CallStyle::Blocking, ..self }
    }

    /// The first prompt whose answer has not been read.
    pub(crate) fn next_index(&self) -> usize {
        self.next_index
    }

    /// Has at most this many calls running or waiting to be read. Default: 100; 0 counts as 1.
    pub fn max_concurrency(mut self, calls: usize) -> Self {
        self.max_concurrency = calls.max(1);
        self
    }

    /// Yields each answer as soon as it is there. Default: in the order of the prompts, where a slow answer holds back
    /// those behind it, and, once [`max_concurrency`](Self::max_concurrency) of them wait, new calls too.
    pub fn as_completed(mut self) -> Self {
        self.in_order = false;
        self
    }

    /// Calls `report` whenever a call begins or ends, from the task that reads this stream.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() {
    /// # let sim = antiphon_sim::for_example();
    /// use antiphon::OpenAI;
    /// use futures::StreamExt;
    ///
    /// let questions = ["Is 7 prime?", "Is 8 prime?", "Is 9 prime?"];
    /// let answers = OpenAI::new().abatch(questions).on_progress(|progress| {
    ///     println!("{} of {:?}, {} failed", progress.succeeded, progress.total, progress.failed);
    /// });
    /// let answers: Vec<_> = answers.collect().await;
    /// # assert!(answers.iter().all(|answer| answer.result.is_ok()));
    /// # }
    /// ```
    pub fn on_progress(mut self, report: impl FnMut(&BatchProgress) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(report));
        self
    }

    /// The next answer; `None` after the last.
    ///
    /// # Cancel safety
    ///
    /// No answer is lost when the future is dropped.
    #[expect(clippy::should_implement_trait, reason = "the name that every stream has")]
    pub fn next(&mut self) -> futures::future::BoxFuture<'_, Option<BatchItem>> {
        Box::pin(stream::StreamExt::next(self))
    }

    fn report(&mut self) {
        if let Some(report) = &mut self.on_progress {
            report(&self.progress);
        }
    }

    /// Begins calls as far as the bound allows.
    fn start_calls(&mut self, context: &mut Context<'_>) {
        while !self.has_all_prompts
            && self.running.len() + self.finished.len() + self.completed.len() < self.max_concurrency
        {
            match self.prompts.poll_next_unpin(context) {
                Poll::Ready(Some(prompt)) => {
                    let index = self.progress.started;
                    self.progress.started += 1;
                    // Without a runtime of the caller's, that of the connections will do.
                    let handle = Handle::try_current().or_else(|_| background::handle());
                    match handle {
                        Ok(handle) => {
                            let call = self.llm.call(vec![prompt], self.style);
                            self.running.spawn_on(async move { BatchItem { index, result: call.await } }, &handle);
                        }
                        Err(error) => self.keep(BatchItem { index, result: Err(error) }),
                    }
                    self.report();
                }
                Poll::Ready(None) => self.has_all_prompts = true,
                Poll::Pending => break,
            }
        }
    }

    fn keep(&mut self, item: BatchItem) {
        match item.result {
            Ok(_) => self.progress.succeeded += 1,
            Err(_) => self.progress.failed += 1,
        }
        if self.in_order {
            self.finished.insert(item.index, item);
        } else {
            self.completed.push_back(item);
        }
    }

    fn take(&mut self) -> Option<BatchItem> {
        let item = match self.completed.pop_front() {
            Some(item) => item,
            None => self.finished.remove(&self.next_index)?,
        };
        self.read_ahead.insert(item.index);
        while self.read_ahead.remove(&self.next_index) {
            self.next_index += 1;
        }
        Some(item)
    }
}

impl Stream for Batch {
    type Item = BatchItem;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            this.start_calls(context);
            if let Some(item) = this.take() {
                return Poll::Ready(Some(item));
            }
            match this.running.poll_join_next(context) {
                Poll::Ready(Some(Ok(item))) => {
                    this.keep(item);
                    this.report();
                }
                // A callback's panic is the caller's; tasks are aborted only when this is dropped.
                Poll::Ready(Some(Err(error))) => match error.try_into_panic() {
                    Ok(payload) => panic::resume_unwind(payload),
                    Err(_) => return Poll::Ready(None),
                },
                Poll::Ready(None) if this.has_all_prompts => return Poll::Ready(None),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("llm", &self.llm)
            .field("max_concurrency", &self.max_concurrency)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpenAI;

    #[test]
    fn the_first_prompt_whose_answer_was_not_read() {
        let mut batch = Batch::new(Arc::new(OpenAI::new()), Box::new(std::iter::empty())).as_completed();
        for (read, next) in [(1, 0), (3, 0), (0, 2), (2, 4)] {
            batch.keep(BatchItem { index: read, result: Err(Error::interrupted()) });
            Batch::take(&mut batch).unwrap();
            assert_eq!(batch.next_index(), next);
        }
    }
}
