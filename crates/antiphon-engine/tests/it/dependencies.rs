//! `:dep` and the preloaded crates.

use antiphon_engine::Progress;

use crate::support::{BUILD_LIMIT, Session, options, own_session, session, start};

#[test]
fn a_crate_that_uses_tokio_shares_the_runtime() {
    let t = session();
    t.cell("let survivor = tokio::spawn(async { 5 });").shows_nothing();
    let shown = t
        .start(
            ":dep tokio-stream = \"0.1\"
use tokio_stream::StreamExt;
let mut numbers = tokio_stream::wrappers::IntervalStream::new(tokio::time::interval(Duration::from_millis(1)));
for n in 0..2 { numbers.next().await; println!(\"{n}\"); }",
        )
        .with_limit(BUILD_LIMIT)
        .finish()
        .ok();
    assert_eq!(shown.stdout(), "0\n1\n");
    assert_eq!(shown.notes(), [""; 0]);
    t.cell("survivor.await?").gives("5");
}

#[test]
fn preloaded_crates_serve_their_dep_lines() {
    let t = session();
    t.cell("let kept = 1;").shows_nothing();
    for (line, holds) in [
        (":dep serde_json = \"1\"", "serde_json 1."),
        (":dep reqwest = \"0.11\"", "asks for 0.11"),
        (":dep reqwest = { version = \"0.12\", features = [\"json\"] }", "asks for 0.12"),
        (":dep tokio = { version = \"1\", features = [\"full\"] }", "tokio 1."),
        (":dep serde = { version = \"1\", features = [\"derive\"] }", "serde 1."),
        (":dep futures", "futures 0.3"),
    ] {
        let shown = t.cell(line).ok();
        assert_eq!(shown.notes().len(), 1, "{line}: {:?}", shown.notes());
        assert!(shown.notes()[0].contains(holds), "{line}: {:?}", shown.notes());
        assert_eq!(shown.compiling(), [""; 0], "{line}");
        assert!(shown.metrics().cargo_runs <= 1, "{line}: {}", shown.metrics().cargo_runs);
    }
    let shown = t
        .cell(":dep serde_json = \"1\"\n:dep reqwest = \"0.11\"\nlet json = serde_json::json!([kept]);\nreqwest::Client::new();\njson[0].as_i64()")
        .gives("Some(1)");
    assert_eq!(shown.notes().len(), 2);
    assert_eq!(shown.compiling(), [""; 0]);
}

/// What the crates of the field show by themselves, also in the middle of a cell.
#[test]
fn plots_and_images_of_other_crates_are_shown() {
    let t = own_session(|_| {});
    let deps =
        ":dep plotters = { version = \"0.3\", default-features = false, features = [\"evcxr\", \"line_series\"] }
:dep evcxr_image = \"1.1\"
:dep image = { version = \"0.23\", default-features = false, features = [\"png\"] }";
    t.start(deps).with_limit(BUILD_LIMIT).finish().ok();
    let plot = "use plotters::prelude::*;
println!(\"before\");
let figure = evcxr_figure((320, 200), |root| {
    let mut chart = ChartBuilder::on(&root).build_cartesian_2d(0f32..1f32, 0f32..1f32)?;
    chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], &RED))?;
    Ok(())
});
figure.evcxr_display();
println!(\"after\");
figure";
    let shown = t.cell(plot).ok();
    let order = shown.order();
    assert!(order[0] == "stdout: before\n" && order[2] == "stdout: after\n", "{order:?}");
    for display in shown.displays() {
        assert!(display.data["text/html"].as_str().unwrap().contains("<svg"), "{display:?}");
    }
    assert_eq!(shown.displays().iter().map(|display| display.result).collect::<Vec<_>>(), [false, true]);
    let shown = t.cell("use evcxr_image::ImageDisplay;\nimage::ImageBuffer::<image::Luma<u8>, _>::new(4, 4)").ok();
    let [display] = shown.displays()[..] else { panic!("{:?}", shown.displays()) };
    assert!(display.result && display.data["image/png"].as_str().unwrap().starts_with("iVBOR"), "{display:?}");
    t.shutdown();
}

#[test]
fn a_dep_that_changes_shared_crates_starts_anew_and_says_so() {
    let t = own_session(|_| {});
    t.cell("let lost = 1;").shows_nothing();
    t.cell("fn kept() -> &'static str { \"kept\" }").shows_nothing();
    let shown = t.start(":dep axum = \"0.8\"").with_limit(BUILD_LIMIT).finish().ok();
    let rest = t
        .start(
            "use axum::{Router, routing::get};
let router = Router::new().route(\"/\", get(|| async { kept() }));
let listener = tokio::net::TcpListener::bind(\"127.0.0.1:0\").await?;
let address = listener.local_addr()?;
let server = tokio::spawn(async move { axum::serve(listener, router).await });",
        )
        .with_limit(BUILD_LIMIT)
        .finish()
        .ok();
    let notes = [shown.notes(), rest.notes()].concat();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("variables that are lost: lost"), "{notes:?}");
    assert!(!shown.compiling().is_empty() || !rest.compiling().is_empty());
    t.cell("reqwest::get(format!(\"http://{address}/\")).await?.text().await?").gives("\"kept\"");
    t.cell("server.is_finished()").gives("false");
    t.cell("lost").failed("CompileError");
    // The runtime, the models and the interrupts are those of the new library.
    t.cell("OpenAI::new().agenerate([\"hi\"]).await?.generations.len()").gives("1");
    let running = t.start("println!(\"go\");\ntokio::time::sleep(Duration::from_secs(60)).await;").until_printed("go");
    let shown = running.cut().0.failed("Cancelled");
    assert_eq!(shown.lost(), [""; 0], "{}", shown.traceback());
    t.cell("server.is_finished()").gives("false");
    t.shutdown();
    // The preload that other sessions use is as it was.
    let (options, tag) = options();
    let (engine, steps) = start(options);
    assert!(!steps.iter().any(|step| matches!(step, Progress::BuildingPreload { .. })), "{steps:?}");
    let t = Session::new(engine, tag);
    t.cell("tokio::spawn(async { 3 }).await?").gives("3");
    t.shutdown();
}
