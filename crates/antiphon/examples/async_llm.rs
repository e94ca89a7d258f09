//! Ten answers, one after another and all at once: the program of the "Async API" notebook page.
//!
//! `OPENAI_API_KEY=... cargo run --release -p antiphon --example async_llm`, or set
//! `OPENAI_BASE_URL` to a local server.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::process::ExitCode;
use std::time::Instant;

use antiphon::{Error, OpenAI};
use futures::future::try_join_all;

fn generate_serially() -> Result<(), Error> {
    let llm = OpenAI::new().temperature(0.9);
    for _ in 0..10 {
        let response = llm.generate(["Hello, how are you?"])?;
        println!("{}", response.generations[0][0].text);
    }
    Ok(())
}

async fn async_generate(llm: &OpenAI) -> Result<(), Error> {
    let response = llm.agenerate(["Hello, how are you?"]).await?;
    println!("{}", response.generations[0][0].text);
    Ok(())
}

async fn generate_concurrently() -> Result<(), Error> {
    let llm = OpenAI::new().temperature(0.9);
    try_join_all((0..10).map(|_| async_generate(&llm))).await?;
    Ok(())
}

async fn run() -> Result<(), Error> {
    let start = Instant::now();
    generate_concurrently().await?;
    let elapsed = start.elapsed().as_secs_f64();
    println!("\x1b[1mConcurrent executed in {elapsed:.2} seconds.\x1b[0m");

    let start = Instant::now();
    generate_serially()?;
    let elapsed = start.elapsed().as_secs_f64();
    println!("\x1b[1mSerial executed in {elapsed:.2} seconds.\x1b[0m");
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
