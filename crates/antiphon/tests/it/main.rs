//! The crate's classes against scripted servers on the loopback interface.

#![expect(clippy::unwrap_used, reason = "clippy takes the helpers of tests for plain functions")]

mod anthropic;
mod azure;
mod bad_input;
mod bedrock;
mod blocking;
mod callbacks;
mod calls;
mod chat;
mod compatible;
mod complete;
mod completions;
mod connections;
mod environment;
mod errors;
mod extra;
mod formats;
mod gemini;
mod limits;
mod ollama;
mod promptlayer;
mod proxies;
mod readme;
mod refused;
mod restarts;
mod retries;
mod runtimes;
mod streams;
mod support;
mod traces;
mod transport;
mod wrappers;
