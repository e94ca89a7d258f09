//! Tasks for developers.

mod bench;
mod browser;
mod cargo;
mod clients;
mod features;
mod jupyter;
mod skipped;
mod test;
mod tidy;
mod venv;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <task>

  test [STEP ..]   all that a change must pass; with names only those steps
  tidy             the rules of the architecture page that a machine can check
  bench            the figures of the architecture page, side by side in one run
  bench llm [WORD ..]  the LLM crate beside other clients, see crates/antiphon/BENCHMARKS.md; with words only the rows
                   that have all of them, such as `1000 calls` or HTTP/1.1";

#[expect(clippy::print_stderr, reason = "a command line")]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = match arguments.next().as_deref() {
        Some("test") => test::test(&arguments.collect::<Vec<_>>()),
        Some("tidy") => tidy::tidy(),
        Some("bench") => match arguments.next().as_deref() {
            None => bench::bench(),
            Some("llm") => bench::llm(&arguments.collect::<Vec<_>>()),
            Some(_) => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        },
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
