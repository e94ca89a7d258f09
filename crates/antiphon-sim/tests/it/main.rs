//! Drives the simulator over sockets, by a bare HTTP client.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod anthropic;
mod azure;
mod bedrock;
mod complete;
mod determinism;
mod errors;
mod faults;
mod gemini;
mod lifecycle;
mod models;
mod ollama;
mod openai;
mod openai_streams;
mod promptlayer;
mod support;
mod timing;
