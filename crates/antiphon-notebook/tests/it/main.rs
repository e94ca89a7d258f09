//! Tests of reading, running and writing, with a scripted evaluator in the engine's place.

mod async_llm;
mod bad_input;
mod destination;
mod fake;
mod outputs;
mod round_trip;
mod runner;
mod stops;
mod terminal;
mod write;
