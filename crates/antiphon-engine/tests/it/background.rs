//! Output of tasks goes to the cell that spawned them, also after that cell ended.

use crate::support::own_session;

#[test]
fn output_of_a_task_goes_to_its_cell() {
    let t = own_session(|_| {});
    let mut background = t.background();
    let first = t.start(
        "let (go, mut steps) = tokio::sync::mpsc::channel::<u8>(1);
tokio::spawn(async move {
    while let Some(n) = steps.recv().await {
        println!(\"step {n}\");
        eprintln!(\"error {n}\");
        let shown = display(n);
        tokio::spawn(async move { print!(\"nested\"); shown.update(7); println!(); eprint!(\"end {n}\") }).await.unwrap();
    }
});
println!(\"first\");",
    );
    let first_id = first.id();
    first.finish().prints("first\n");
    // While another cell runs.
    let second =
        t.start("println!(\"second\");\ngo.send(1).await?;\ntokio::time::sleep(Duration::from_secs(60)).await;");
    assert_ne!(second.id(), first_id);
    let second = second.until_printed("second");
    let shown = background.until(first_id, "end 1");
    let handle = shown.displays()[0].display_id.clone();
    assert_eq!(shown.displays()[1].display_id, handle);
    assert_eq!(
        shown.order(),
        [
            "stdout: step 1\n",
            "stderr: error 1\n",
            "display: text/plain \"1\"",
            "stdout: nested",
            "update: text/plain \"7\"",
            "stdout: \n",
            "stderr: end 1"
        ]
    );
    second.cut().0.failed("Cancelled");
    // And while none runs: the task waits until the cell that wakes it is over.
    let third = "let go = go.clone();\nstd::thread::spawn(move || { std::thread::sleep(Duration::from_millis(300)); go.blocking_send(2) });";
    t.cell(third).shows_nothing();
    assert!(background.until(first_id, "end 2").stdout().starts_with("step 2\nnested"));
    t.shutdown();
}

#[test]
fn every_way_to_spawn_carries_the_cell() {
    let t = own_session(|_| {});
    let mut background = t.background();
    t.cell("let (go, _) = tokio::sync::broadcast::channel::<()>(4);\nlet mut set = tokio::task::JoinSet::new();")
        .failed("CompileError");
    t.cell("let (go, _) = tokio::sync::broadcast::channel::<()>(4);").shows_nothing();
    t.cell("use tokio::task::JoinSet;\nlet mut set: JoinSet<u8> = JoinSet::new();").shows_nothing();
    for (n, spawn) in [
        "set.spawn(async move { wait.recv().await.unwrap(); println!(\"task 0.\"); 0 });",
        "set.spawn_blocking(move || { wait.blocking_recv().unwrap(); println!(\"task 1.\"); 1 });",
        "tokio::task::spawn_blocking(move || { wait.blocking_recv().unwrap(); println!(\"task 2.\"); });",
        "tokio::runtime::Runtime::new()?.spawn(async move { wait.recv().await.unwrap(); println!(\"task 3.\"); });",
        "{ let mut own = JoinSet::from_iter([async move { wait.recv().await.unwrap(); println!(\"task 4.\"); }]); own.detach_all(); }",
        "tokio::task::spawn(async move { wait.recv().await.unwrap(); panic!(\"task 5.\"); });",
    ]
    .into_iter()
    .enumerate()
    {
        let cell = t.start(&format!("let mut wait = go.subscribe();\n{spawn}\nprintln!(\"cell\");"));
        let id = cell.id();
        cell.finish().prints("cell\n");
        t.cell("go.send(())?;").ok();
        background.until(id, &format!("task {n}."));
    }
    t.cell("let mut numbers = set.join_all().await;\nnumbers.sort();\nnumbers").gives("[0, 1]");
    t.shutdown();
}

#[test]
fn a_flood_arrives_whole_and_in_order() {
    let t = own_session(|_| {});
    let mut background = t.background();
    let cell = t.start(
        "let (go, wait) = tokio::sync::oneshot::channel::<()>();
tokio::spawn(async move { wait.await.unwrap(); for n in 0..50_000 { println!(\"{n}\"); } println!(\"done\"); });",
    );
    let id = cell.id();
    cell.finish().shows_nothing();
    t.cell("go.send(()).unwrap();\nprintln!(\"next\");").prints("next\n");
    let lines: String = (0..50_000).map(|n| format!("{n}\n")).collect();
    assert_eq!(background.until(id, "done").stdout(), lines + "done\n");
    t.shutdown();
}

#[test]
fn without_a_taker_it_goes_to_the_cell_that_runs() {
    let t = own_session(|_| {});
    t.cell("let task = tokio::spawn(async { tokio::task::yield_now().await; tokio::time::sleep(Duration::from_millis(300)).await; println!(\"late\"); });")
        .shows_nothing();
    let shown = t.cell("task.await?;\nprintln!(\"cell\");").ok();
    assert_eq!(shown.stdout(), "late\ncell\n");
    t.shutdown();
}
