//! Async clients for large language models whose calls can be awaited together.
//!
//! A class (for example [`OpenAI`]) is a plain bundle of settings. [`agenerate`](OpenAI::agenerate)
//! sends a list of prompts and returns a future; [`generate`](OpenAI::generate) does the same and
//! blocks. Both answer with an [`LlmResult`], whose `generations[i][j]` is completion `j` of prompt
//! `i`.
//!
//! ```no_run
//! use antiphon::OpenAI;
//!
//! # async fn run() -> Result<(), antiphon::Error> {
//! let llm = OpenAI::new().temperature(0.9);
//! let response = llm.agenerate(["Hello, how are you?"]).await?;
//! println!("{}", response.generations[0][0].text);
//! # Ok(())
//! # }
//! ```
//!
//! # Where calls go
//!
//! Keys and base URLs come from setters or, **at the time of the call**, from the variables that
//! [`EnvVars`] lists. With a base URL other than the provider's own (a local server, a simulator) a
//! key is optional.
//!
//! # Runtimes
//!
//! Futures run on any executor and may be spawned. Blocking calls work everywhere; see [`blocking`]. All connections
//! of the process are driven by one thread of this crate, so they may be used from several runtimes, one after another
//! or at once; see [`connections`].
//!
//! # TLS
//!
//! TLS is that of [`rustls`], by its provider that the program has installed, or else *ring*. Certificates are checked
//! by the platform's verifier.
//!
//! # Traces
//!
//! Each call is a [`tracing`] span with OpenTelemetry's attributes for generative AI (`gen_ai.request.model`,
//! `gen_ai.usage.input_tokens`, ...); each retry is an event in it.
//!
//! # Privacy
//!
//! Keys do not appear in `Debug`, in errors or in warnings. Errors hold no prompts: text that a
//! provider echoes is removed as far as it can be recognised.

#![warn(missing_docs)]

mod batch;
pub mod blocking;
mod callbacks;
pub mod connections;
mod env_vars;
mod error;
mod json;
mod limits;
mod llm;
mod prompt;
mod provider;
mod result;
mod retry;
mod secret;
mod stream;
mod telemetry;
mod transport;
mod wrappers;

pub use batch::{Batch, BatchItem, BatchProgress};
pub use callbacks::{CallInfo, Callbacks};
pub use env_vars::EnvVars;
pub use error::{Error, ErrorKind};
pub use llm::{CallStyle, Llm};
pub use prompt::{Message, Prompt, Role};
pub use provider::{
    Anthropic, ChatOpenAI, Ollama, OpenAI, OpenAiCompatible, PromptLayerChatOpenAI, PromptLayerOpenAI, init,
};
pub use result::{Generation, LlmOutput, LlmResult, PromptResult, PromptResults, TokenUsage};
pub use stream::{LlmStream, StreamEvent};
pub use transport::warm_up;
pub use wrappers::{Fallback, Hedged, SingleFlight};

/// Futures and threads carry these types about; a change that forbids it must not compile.
const _: () = {
    const fn portable<T: Clone + std::fmt::Debug + Send + Sync + Unpin + 'static>() {}
    const fn shareable<T: std::error::Error + Send + Sync + Unpin + 'static>() {}
    const fn sendable<T: std::fmt::Debug + Send + 'static>() {}
    portable::<OpenAI>();
    portable::<ChatOpenAI>();
    portable::<PromptLayerOpenAI>();
    portable::<PromptLayerChatOpenAI>();
    portable::<Anthropic>();
    portable::<Ollama>();
    portable::<OpenAiCompatible>();
    portable::<Fallback>();
    portable::<Hedged>();
    portable::<SingleFlight>();
    portable::<LlmResult>();
    portable::<PromptResults>();
    portable::<Prompt>();
    sendable::<Box<dyn Llm>>();
    sendable::<LlmStream>();
    sendable::<Batch>();
    shareable::<Error>();
};
