//! Functions of the user's that are called while a call runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;
use crate::prompt::Prompt;
use crate::provider::Plan;
use crate::result::LlmResult;

/// What is told while calls run; set with `callback` on any class, as often as wanted.
///
/// The methods run on the task of the call, between two polls of it: they must not block, and a panic in one is a
/// panic of the call. A call that is dropped ends without a word. Models made of models ([`Fallback`](crate::Fallback) and
/// its like) have no callbacks; those of the models they ask are told of each call. Prompts and answers are handed over as they are, so
/// keep them out of logs that others read.
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// use antiphon::{CallInfo, Callbacks, LlmResult, OpenAI};
///
/// #[derive(Debug, Default)]
/// struct Tokens(AtomicUsize);
///
/// impl Callbacks for Tokens {
///     fn on_end(&self, _call: &CallInfo, result: &LlmResult) {
///         let tokens = result.llm_output.token_usage.total_tokens;
///         self.0.fetch_add(usize::try_from(tokens).unwrap_or(usize::MAX), Ordering::Relaxed);
///     }
/// }
///
/// let tokens = Arc::new(Tokens::default());
/// let llm = OpenAI::new().callback(Arc::clone(&tokens));
/// llm.generate(["Hello, how are you?"])?;
/// println!("{} tokens so far", tokens.0.load(Ordering::Relaxed));
/// # assert!(tokens.0.load(Ordering::Relaxed) > 5);
/// # Ok::<(), antiphon::Error>(())
/// ```
pub trait Callbacks: Send + Sync {
    /// Called once for a call, before its first request.
    fn on_start(&self, call: &CallInfo, prompts: &[Prompt]) {
        let _ = (call, prompts);
    }

    /// Called for each piece of text of a stream, in order; not called for calls that are not streamed.
    fn on_token(&self, call: &CallInfo, token: &str) {
        let _ = (call, token);
    }

    /// Called when a stream broke and its answer begins anew: forget the tokens of this call so far. Comes only with
    /// `restart_streams`.
    fn on_restart(&self, call: &CallInfo) {
        let _ = call;
    }

    /// Called once, when all of an answer has come.
    fn on_end(&self, call: &CallInfo, result: &LlmResult) {
        let _ = (call, result);
    }

    /// Called once, when a call has failed after its retries; for `agenerate_each` with the first failure.
    fn on_error(&self, call: &CallInfo, error: &Error) {
        let _ = (call, error);
    }
}

impl<T: Callbacks + ?Sized> Callbacks for Arc<T> {
    fn on_start(&self, call: &CallInfo, prompts: &[Prompt]) {
        (**self).on_start(call, prompts);
    }

    fn on_token(&self, call: &CallInfo, token: &str) {
        (**self).on_token(call, token);
    }

    fn on_restart(&self, call: &CallInfo) {
        (**self).on_restart(call);
    }

    fn on_end(&self, call: &CallInfo, result: &LlmResult) {
        (**self).on_end(call, result);
    }

    fn on_error(&self, call: &CallInfo, error: &Error) {
        (**self).on_error(call, error);
    }
}

/// Which call a callback is about.
///
/// Callbacks can be tested without a call:
///
/// ```
/// use antiphon::{CallInfo, Callbacks};
///
/// # #[derive(Default)]
/// # struct Transcript(std::sync::Mutex<String>);
/// # impl Callbacks for Transcript {
/// #     fn on_token(&self, call: &CallInfo, token: &str) {
/// #         self.0.lock().unwrap().push_str(&format!("{}: {token}", call.model));
/// #     }
/// # }
/// let mut call = CallInfo::new("openai", "gpt-4.1");
/// call.is_stream = true;
/// let transcript = Transcript::default();
/// transcript.on_token(&call, "Fine.");
/// assert_eq!(*transcript.0.lock().unwrap(), "gpt-4.1: Fine.");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallInfo {
    /// Counts the calls of this process.
    pub id: u64,
    /// OpenTelemetry's name of the provider, for example `openai`; empty for a call without prompts.
    pub provider: String,
    /// The model that is asked.
    pub model: String,
    /// Whether the answer is streamed.
    pub is_stream: bool,
}

impl CallInfo {
    /// A call that is not streamed, with an id of its own; for tests of callbacks.
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let id = CALLS.fetch_add(1, Ordering::Relaxed);
        Self { id, provider: provider.into(), model: model.into(), is_stream: false }
    }

    pub(crate) fn of(plan: &Plan, is_stream: bool) -> Self {
        let provider = plan.endpoint.as_ref().map_or("", |it| it.provider.as_str());
        Self { is_stream, ..Self::new(provider, &plan.model) }
    }

    pub(crate) fn start(&self, plan: &Plan) {
        plan.callbacks.iter().for_each(|it| it.on_start(self, &plan.prompts));
    }

    pub(crate) fn token(&self, plan: &Plan, token: &str) {
        plan.callbacks.iter().for_each(|it| it.on_token(self, token));
    }

    pub(crate) fn restart(&self, plan: &Plan) {
        plan.callbacks.iter().for_each(|it| it.on_restart(self));
    }

    pub(crate) fn end(&self, plan: &Plan, result: Result<&LlmResult, &Error>) {
        for callback in &plan.callbacks {
            match result {
                Ok(result) => callback.on_end(self, result),
                Err(error) => callback.on_error(self, error),
            }
        }
    }
}
