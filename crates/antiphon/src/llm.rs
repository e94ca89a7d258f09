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
/// ```no_run
/// use antiphon::{Anthropic, Llm, OpenAI};
///
/// # async fn run() -> Result<(), antiphon::Error> {
/// let models: [Box<dyn Llm>; 2] = [Box::new(OpenAI::new()), Box::new(Anthropic::new())];
/// for llm in &models {
///     println!("{}", llm.agenerate(["Hello, how are you?"]).await?);
/// }
/// # Ok(())
/// # }
/// ```
pub trait Llm: fmt::Debug + Send + Sync {
    /// Answers all prompts, or fails with the first failure of any.
    fn call(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<LlmResult, Error>>;

    /// Answers all prompts that can be answered; fails only before anything is sent.
    fn call_each(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<PromptResults, Error>>;

    /// Answers one prompt while the answer is written; resolves with the first event.
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
pub enum CallStyle {
    /// By an `a...` method.
    Async,
    /// By its blocking twin.
    Blocking,
}

impl dyn Llm + '_ {
    call_methods!();
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
