//! Async clients for large language models whose calls can be awaited together.
//!
//! A class (for example [`OpenAI`]) is a plain bundle of settings. [`agenerate`](OpenAI::agenerate)
//! sends a list of prompts and returns a future; [`generate`](OpenAI::generate) does the same and
//! blocks. Both answer with an [`LlmResult`], whose `generations[i][j]` is completion `j` of prompt
//! `i`.
//!
//! ```
//! use antiphon::OpenAI;
//! use futures::future::try_join_all;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), antiphon::Error> {
//! #   let sim = antiphon_sim::for_example();
//!     // The key is in OPENAI_API_KEY.
//!     let llm = OpenAI::new().temperature(0.9);
//!     // Ten calls take as long as one.
//!     let calls = (0..10).map(|_| llm.agenerate(["Hello, how are you?"]));
//!     for response in try_join_all(calls).await? {
//!         println!("{}", response.generations[0][0].text);
//!     }
//! #   assert_eq!(sim.requests().len(), 10);
//!     Ok(())
//! }
//! ```
//!
//! | what | where |
//! |---|---|
//! | models | [`OpenAI`], [`ChatOpenAI`], [`Anthropic`], [`Ollama`], [`OpenAiCompatible`] and their like; by name: [`init`] |
//! | any of them | [`Llm`] |
//! | conversations | [`Message`], [`Prompt`] |
//! | answers as they are written | [`LlmStream`] from [`astream`](ChatOpenAI::astream) |
//! | lists of any length | [`Batch`] from [`abatch`](ChatOpenAI::abatch) |
//! | results of which some may fail | [`PromptResults`] from [`agenerate_each`](ChatOpenAI::agenerate_each) |
//! | other models, second calls, shared calls | [`Fallback`], [`Hedged`], [`SingleFlight`] |
//! | being told what happens | [`Callbacks`] |
//! | connections, proxies, certificates, time limits | [`connections`] |
//! | what went wrong | [`Error`] |
//!
//! # Where calls go
//!
//! Keys and base URLs come from setters or, **at the time of the call**, from the variables that
//! [`EnvVars`] lists. With a base URL other than the provider's own (a local server, a simulator) a
//! key is optional.
//!
//! # Limits and faults
//!
//! Requests that failed are sent again where that may help; see [`max_retries`](ChatOpenAI::max_retries). Rate limits are
//! those that the provider reports, and those that are set. Calls of the process to the same server with the same key and
//! model keep to them together, first come, first served, so that a program can ask for all at once:
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), antiphon::Error> {
//! # let sim = antiphon_sim::for_example();
//! use antiphon::ChatOpenAI;
//!
//! let llm = ChatOpenAI::new().requests_per_minute(500).tokens_per_minute(200_000).max_retries(5);
//! let response = llm.agenerate(["Hello", "How are you?"]).await?;
//! # assert_eq!(response.generations.len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Runtimes
//!
//! Futures run on any executor and may be spawned. Blocking calls work everywhere; see [`blocking`]. All connections
//! of the process are driven by one thread of this crate, so they may be used from several runtimes, one after another
//! or at once. A program that has one runtime all its life can have that drive them, which costs less:
//! [`connections::drive_on`].
//!
//! # TLS
//!
//! TLS is that of [`rustls`], by its provider that the program has installed, or else *ring*. Certificates are checked
//! by the platform's verifier.
//!
//! # Traces
//!
//! Each call is a [`tracing`] span with the attributes of OpenTelemetry's [semantic conventions for generative
//! AI](https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/) (`gen_ai.request.model`,
//! `gen_ai.usage.input_tokens`, ...); each retry is an event in it. A log that cannot be written ([`PromptLayerOpenAI`])
//! is an event too.
//!
//! # Privacy
//!
//! Keys do not appear in `Debug`, in errors or in warnings. Neither do prompts: `Debug` of a prompt, a message, a result
//! or a class's settings shows how long they are, and from errors text that a provider echoes is removed as far as it can
//! be recognised. Answers are shown by `Debug` of results and events, as whoever prints one wants to see it: log their
//! [`LlmOutput`] instead, which holds none.
//!
//! The crate itself never logs prompts or answers: spans and events hold neither. Who wants them logged uses
//! [`Callbacks`], which are handed both.

#![warn(missing_docs)]

mod batch;
pub mod blocking;
mod callbacks;
#[cfg(test)]
mod cancel_tests;
pub mod connections;
mod env_vars;
mod error;
mod finish_reason;
mod json;
mod limits;
mod llm;
mod private;
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
pub use finish_reason::FinishReason;
pub use llm::{CallStyle, Llm};
pub use prompt::{Message, Prompt, Role};
pub use provider::{
    Anthropic, AnthropicVersion, AzureChatOpenAI, Bedrock, ChatOpenAI, Gemini, Ollama, OpenAI, OpenAiCompatible,
    PromptLayerChatOpenAI, PromptLayerOpenAI, init,
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
    portable::<AzureChatOpenAI>();
    portable::<Anthropic>();
    portable::<Bedrock>();
    portable::<Gemini>();
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
