//! Answers that arrive while they are written.

mod run;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, Stream, StreamExt as _};

pub(crate) use self::run::open;
use crate::error::Error;
use crate::result::{LlmResult, TokenUsage};

/// What a streamed answer says next.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum StreamEvent {
    /// More of the text.
    Text(String),
    /// More of the model's thoughts, where the provider shows them. They are not part of the text.
    Reasoning(String),
    /// Tokens used so far; it replaces what came before. Some servers send none.
    Usage(TokenUsage),
    /// The connection broke and the answer begins anew: forget what came so far. Comes only with `restart_streams`.
    Restart,
    /// The whole answer, as `agenerate` would have given it. It is the last event, and comes only when the provider
    /// said that its answer is complete.
    End(LlmResult),
}

/// An answer that arrives while it is written; from `astream`.
///
/// After an error or [`StreamEvent::End`] it ends. Nothing is read ahead: a reader that pauses lets the connection's
/// buffers fill and then the provider wait. Dropping it closes the connection (HTTP/1.1) or resets the stream (HTTP/2).
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), antiphon::Error> {
/// # let sim = antiphon_sim::for_example();
/// use antiphon::{ChatOpenAI, StreamEvent};
///
/// let mut answer = ChatOpenAI::new().astream("Tell me a story.").await?;
/// while let Some(event) = answer.next().await {
///     if let StreamEvent::Text(text) = event? {
///         print!("{text}");
///     }
/// }
/// # assert_eq!(sim.requests()[0].body["stream"], true);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Items are errors when the connection breaks, is silent for too long, when the provider reports an error in the
/// middle of its answer, or when the answer stops without its end marker ([`Error::is_truncated`]). A failure before
/// the first event is retried like any other and is then the error of `astream` itself; after it only with
/// `restart_streams`.
#[must_use = "a stream that is dropped is given up"]
pub struct LlmStream {
    events: BoxStream<'static, Result<StreamEvent, Error>>,
}

impl LlmStream {
    /// Wraps events; providers do this, and so may test doubles.
    pub fn new(events: impl Stream<Item = Result<StreamEvent, Error>> + Send + 'static) -> Self {
        Self { events: events.boxed() }
    }

    /// The next event; `None` after the last.
    ///
    /// # Errors
    ///
    /// As the type says.
    ///
    /// # Cancel safety
    ///
    /// No event is lost when the future is dropped.
    #[expect(clippy::should_implement_trait, reason = "the name that every stream has")]
    pub fn next(&mut self) -> BoxFuture<'_, Option<Result<StreamEvent, Error>>> {
        self.events.next().boxed()
    }

    /// The pieces of text alone.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), antiphon::Error> {
    /// # let sim = antiphon_sim::for_example();
    /// use antiphon::ChatOpenAI;
    /// use futures::TryStreamExt;
    ///
    /// let mut texts = ChatOpenAI::new().astream("Tell me a story.").await?.text();
    /// while let Some(text) = texts.try_next().await? {
    ///     print!("{text}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As the type says. A stream that was restarted is an error of kind
    /// [`ErrorKind::Interrupted`](crate::ErrorKind::Interrupted), as text cannot be taken back.
    ///
    /// # Cancel safety
    ///
    /// No text is lost when a future of its next item is dropped. Dropping the stream gives up the answer.
    pub fn text(self) -> BoxStream<'static, Result<String, Error>> {
        let texts = self.events.filter_map(|event| async move {
            match event {
                Ok(StreamEvent::Text(text)) => Some(Ok(text)),
                Ok(StreamEvent::Restart) => Some(Err(Error::interrupted())),
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            }
        });
        texts.boxed()
    }

    /// The whole answer, once it is there.
    ///
    /// # Errors
    ///
    /// As the type says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream, and with it what has come of the answer. To keep that, read events.
    pub fn result(self) -> BoxFuture<'static, Result<LlmResult, Error>> {
        let mut events = self.events;
        async move {
            while let Some(event) = events.next().await {
                if let StreamEvent::End(result) = event? {
                    return Ok(result);
                }
            }
            Err(Error::interrupted())
        }
        .boxed()
    }
}

impl Stream for LlmStream {
    type Item = Result<StreamEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_next_unpin(context)
    }
}

impl fmt::Debug for LlmStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmStream").finish_non_exhaustive()
    }
}
