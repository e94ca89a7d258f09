//! Runs its arguments as cells and prints what happens: `cargo run --release --example cells -- 'let x = 1;' 'x + 1'`.

use antiphon_engine::{Engine, Event, Options};

#[expect(clippy::print_stdout, reason = "an example")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    antiphon_engine::process_hook();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let start = std::time::Instant::now();
        let engine = Engine::start(Options::default(), &mut |step| {
            println!("{:?} {step:?}", start.elapsed());
        })
        .await?;
        println!("ready after {:?}", start.elapsed());
        for cell in std::env::args().skip(1) {
            let mut execution = engine.execute(&cell);
            while let Some(event) = execution.next().await {
                match event {
                    Event::Stdout(bytes) => {
                        println!("stdout {:?}", String::from_utf8_lossy(&bytes));
                    }
                    Event::Stderr(bytes) => {
                        println!("stderr {:?}", String::from_utf8_lossy(&bytes));
                    }
                    event => println!("{:?} {event:?}", start.elapsed()),
                }
            }
        }
        engine.shutdown().await;
        Ok(())
    })
}
