//! What a cell costs here and in stock evcxr with the same crates, cell by cell in one run: medians and ratios.
//!
//! `cargo xtask bench`

use std::process::Command;
use std::time::{Duration, Instant};

use antiphon_engine::{Engine, Event, Options};
use evcxr::{CommandContext, EvalContext};

/// Cells that both can run, each many times.
const CELLS: [&str; 4] = ["1 + 1", "println!(\"{}\", x);", "x", "tokio::time::sleep(Duration::from_micros(1)).await;"];
const ROUNDS: usize = 7;

const STOCK_SET_UP: &str = ":dep tokio = { version = \"1\", features = [\"full\"] }\n\
    :dep reqwest = { version = \"0.13\", default-features = false, features = [\"charset\", \"http2\", \"json\", \"stream\"] }\n\
    :dep serde = { version = \"1\", features = [\"derive\"] }\n:dep serde_json = \"1\"\n:dep futures = \"0.3\"\n\
    use std::time::Duration;";

#[expect(clippy::print_stdout, reason = "a benchmark prints its table")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    antiphon_engine::process_hook();
    let runtime = tokio::runtime::Runtime::new()?;

    let start = Instant::now();
    let child = Command::new(std::env::current_exe()?);
    let (context, outputs) = EvalContext::with_subprocess_command(child)?;
    std::thread::spawn(move || outputs.stdout.iter().for_each(drop));
    std::thread::spawn(move || outputs.stderr.iter().for_each(drop));
    let mut stock = CommandContext::with_eval_context(context);
    let stock_ready = start.elapsed();
    stock.execute(STOCK_SET_UP)?;
    let stock_crates = start.elapsed();
    stock.execute("let x = 41;")?;
    let stock_first = start.elapsed();

    let prebuild = Instant::now();
    runtime.block_on(async {
        Engine::start(Options::default(), &mut |_| {}).await?.shutdown().await;
        Ok::<_, antiphon_engine::Error>(())
    })?;
    let prebuild = prebuild.elapsed();
    let start = Instant::now();
    let engine = runtime.block_on(Engine::start(Options::default(), &mut |_| {}))?;
    let ready = start.elapsed();
    runtime.block_on(run(&engine, "let x = 41;"));
    let first = start.elapsed();

    println!("preload built or found in {:.1} s", prebuild.as_secs_f64());
    println!("{:<52} {:>9} {:>9} {:>7}", "", "antiphon", "stock", "ratio");
    row("started", ready, stock_ready);
    row("crates there", ready, stock_crates);
    row("first `let` done", first, stock_first);
    for cell in CELLS {
        let mut ours = Vec::new();
        let mut theirs = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            runtime.block_on(run(&engine, cell));
            ours.push(start.elapsed());
            let start = Instant::now();
            stock.execute(cell)?;
            theirs.push(start.elapsed());
        }
        row(cell, median(ours), median(theirs));
    }
    runtime.block_on(engine.shutdown());
    Ok(())
}

async fn run(engine: &Engine, cell: &str) {
    let mut execution = engine.execute(cell);
    while let Some(event) = execution.next().await {
        assert!(!matches!(&event, Event::End(antiphon_engine::End::Failed(_), _)), "{event:?}");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its table")]
fn row(name: &str, ours: Duration, theirs: Duration) {
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("{name:<52} {:>7.2} s {:>7.2} s {ratio:>7.2}", ours.as_secs_f64(), theirs.as_secs_f64());
}
