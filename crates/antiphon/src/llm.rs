//! The one trait of all models.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::error::Error;
use crate::prompt::Prompt;
use crate::provider::call_methods;
use crate::result::{LlmResult, PromptResults};
use crate::stream::LlmStream;

/// A model that can be asked.
///
/// The classes implement it, and so can test doubles and wrappers. What an implementation has to provide is type-erased
/// (`Vec<Prompt>` in, boxed futures out), so that a program compiles calls and not bodies, and `dyn Llm` is as good as a
/// class. The convenient methods (`agenerate` with any list of prompts, `astream`, `abatch`, and their blocking twins)
/// are inherent on each class and on `dyn Llm`.
///
/// Dropping one of its futures, or a stream, drops the requests and closes or resets their connections.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), antiphon::Error> {
/// # let sim = antiphon_sim::for_example();
/// use antiphon::{Anthropic, Llm, OpenAI};
///
/// let models: [Box<dyn Llm>; 2] = [Box::new(OpenAI::new()), Box::new(Anthropic::new())];
/// for llm in &models {
///     println!("{}", llm.agenerate(["Hello, how are you?"]).await?);
/// }
/// # assert_eq!(sim.requests()[1].path, "/v1/messages");
/// # Ok(())
/// # }
/// ```
///
/// A model of one's own, for tests:
///
/// ```
/// use std::sync::Arc;
///
/// use antiphon::{CallStyle, Error, ErrorKind, Generation, Llm, LlmOutput, LlmResult, LlmStream, Prompt, PromptResults, StreamEvent};
/// use futures::future::{BoxFuture, FutureExt, ready};
/// use futures::stream;
///
/// /// Answers with what it was asked.
/// #[derive(Debug, Clone)]
/// struct Echo;
///
/// impl Llm for Echo {
///     fn call(&self, prompts: Vec<Prompt>, _: CallStyle) -> BoxFuture<'static, Result<LlmResult, Error>> {
///         let answers = prompts.iter().map(|prompt| match prompt {
///             Prompt::Text(text) => Ok(vec![Generation::new(text)]),
///             _ => Err(Error::new(ErrorKind::InvalidInput, "an echo answers texts")),
///         });
///         let answers: Result<_, _> = answers.collect();
///         ready(answers.map(|answers| LlmResult::new(answers, LlmOutput::default()))).boxed()
///     }
///
///     fn call_each(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<PromptResults, Error>> {
///         self.call(prompts, style).map(|result| result.map(PromptResults::from)).boxed()
///     }
///
///     fn open_stream(&self, prompt: Prompt, style: CallStyle) -> BoxFuture<'static, Result<LlmStream, Error>> {
///         let whole = self.call(vec![prompt], style);
///         async { Ok(LlmStream::new(stream::iter([Ok(StreamEvent::End(whole.await?))]))) }.boxed()
///     }
///
///     fn shared(&self) -> Arc<dyn Llm> {
///         Arc::new(self.clone())
///     }
/// }
///
/// let llm: &dyn Llm = &Echo;
/// assert_eq!(llm.generate(["Hello"])?.to_string(), "Hello");
/// # assert_eq!(llm.generate_each(["a", "b"])?.into_result()?.to_string(), "[0] a\n[1] b");
/// # assert_eq!(llm.stream("a")?.count(), 1);
/// # Ok::<(), antiphon::Error>(())
/// ```
pub trait Llm: fmt::Debug + Send + Sync {
    /// Answers all prompts, or fails with the first failure of any.
    ///
    /// # Errors
    ///
    /// The first failure of any request, after its retries, or what is wrong with the settings or the prompts, for which
    /// nothing is sent.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops its requests; what the provider had begun is lost, and may be billed.
    fn call(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<LlmResult, Error>>;

    /// Answers all prompts that can be answered.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings or the prompts, for which nothing is sent. Failures of requests are in the result.
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Self::call); answers that had come by then are lost, too.
    fn call_each(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<PromptResults, Error>>;

    /// Answers one prompt while the answer is written; resolves with the first event.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), up to the first event; what goes wrong later is an item of the stream.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the stream drops the request.
    fn open_stream(&self, prompt: Prompt, style: CallStyle) -> BoxFuture<'static, Result<LlmStream, Error>>;

    /// A handle that can be kept beyond this borrow.
    fn shared(&self) -> Arc<dyn Llm>;

    /// Whether equal calls are asked to give equal answers (temperature 0, or a seed).
    fn is_deterministic(&self) -> bool {
        false
    }
}

/// Whether the caller awaits or blocks; PromptLayer's log tells them apart, as it did in 2023.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallStyle {
    /// By an `a...` method.
    Async,
    /// By its blocking twin.
    Blocking,
}

impl dyn Llm + '_ {
    call_methods!("init", "init(\"openai:gpt-6-luna\")?");
}

impl<T: Llm + ?Sized> Llm for Arc<T> {
    fn call(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<LlmResult, Error>> {
        (**self).call(prompts, style)
    }

    fn call_each(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<PromptResults, Error>> {
        (**self).call_each(prompts, style)
    }

    fn open_stream(&self, prompt: Prompt, style: CallStyle) -> BoxFuture<'static, Result<LlmStream, Error>> {
        (**self).open_stream(prompt, style)
    }

    fn shared(&self) -> Arc<dyn Llm> {
        (**self).shared()
    }

    fn is_deterministic(&self) -> bool {
        (**self).is_deterministic()
    }
}

impl<T: Llm + ?Sized> Llm for Box<T> {
    fn call(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<LlmResult, Error>> {
        (**self).call(prompts, style)
    }

    fn call_each(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<PromptResults, Error>> {
        (**self).call_each(prompts, style)
    }

    fn open_stream(&self, prompt: Prompt, style: CallStyle) -> BoxFuture<'static, Result<LlmStream, Error>> {
        (**self).open_stream(prompt, style)
    }

    fn shared(&self) -> Arc<dyn Llm> {
        (**self).shared()
    }

    fn is_deterministic(&self) -> bool {
        (**self).is_deterministic()
    }
}
