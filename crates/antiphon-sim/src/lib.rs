//! A loopback server that speaks the wire formats of the LLM providers.
//!
//! [`Sim`] answers like OpenAI (`/v1/completions`, `/v1/chat/completions`, `/v1/models`), like Azure
//! (`/openai/v1/chat/completions`, `/openai/deployments/NAME/chat/completions`), like Gemini (`/v1beta/models/NAME:generateContent`,
//! `:streamGenerateContent`), like AWS Bedrock (`/model/ID/converse`, `/model/ID/converse-stream`), like Anthropic (`/v1/messages`, `/v1/messages/count_tokens`, `/v1/models`, and `/v1/complete` of
//! before, in both of its dialects), like Ollama (`/api/chat`, `/api/generate`, `/api/tags`,
//! `/api/version`) and like PromptLayer (`/track-request`, `/rest/track-request`, `/log-request`),
//! with or without streaming, with the providers' headers and error bodies. `GET /health` says that
//! it is up.
//!
//! - **Simulated, and it says so**: every response has the header `x-antiphon-simulated: true`, and
//!   those in OpenAI's format have `"system_fingerprint": "antiphon-sim"`.
//! - **Reproducible**: an answer depends on the seed, the model, the prompt, the index of the choice
//!   and how many times the prompt was seen before, not on the order in which different requests
//!   arrive. So ten equal calls get varied answers, the same ten in every run. A request with a
//!   `seed`, or with `temperature` 0, always gets the same answer.
//! - **As slow as a model**: each call draws its [`Latency`] by the seed and its number.
//! - **As unreliable as wanted**: [`Sim::inject`] makes the next calls go wrong in the ways of the real ones.
//! - **Thinking aloud** where the real models do, or everywhere: [`SimBuilder::thoughts`].
//! - **Usage** counts tokens by a simple rule: a token is a word or one other character, with the
//!   white space before it.
//!
//! Examples in the documentation of a client run against it with [`for_example`].
//!
//! A request becomes a response in one place, `service::answer`, in four steps: route, parse, plan,
//! render.
//!
//! It accepts any key, and any model name unless told which there are ([`SimBuilder::models`]). It
//! knows no tools and no structured output, and it ignores `logprobs` and `suffix`. It does not know
//! the crates that call it.
//!
//! `cargo xtask test clients` holds it against the providers' own packages, of today and of 2023.

#![warn(missing_docs)]

mod activity;
mod anthropic;
mod azure;
mod bedrock;
mod builder;
mod event_stream;
mod example;
mod fault;
mod faulty;
mod fields;
mod gemini;
mod generate;
mod latency;
mod listener;
mod ollama;
mod openai;
mod plan;
mod promptlayer;
mod refusal;
mod render;
mod replies;
mod request_log;
mod route;
mod seed;
mod server;
mod service;
mod sim;
mod timestamp;
#[cfg(feature = "tls")]
mod tls;
mod tokens;

pub use activity::Activity;
pub use builder::SimBuilder;
pub use example::for_example;
pub use fault::{ErrorAnswer, Fault};
pub use latency::{Latency, ParseLatencyError};
pub use request_log::RecordedRequest;
pub use sim::Sim;

const fn assert_send_sync<T: Send + Sync>() {}
const _: () = {
    assert_send_sync::<Sim>();
    assert_send_sync::<SimBuilder>();
    assert_send_sync::<RecordedRequest>();
};
