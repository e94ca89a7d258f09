//! One tokio runtime for all cells: what is made in one cell lives on in the next.

use crate::support::{session, sim};

#[test]
fn a_client_made_in_one_cell_is_awaited_in_the_next() {
    let t = session();
    let before = sim().activity().received;
    t.cell("let llm = OpenAI::new().temperature(0.9);").shows_nothing();
    let shown = t.cell(
        r#"let response = llm.agenerate(["Hello, how are you?"]).await?;
println!("{}", response.generations[0][0].text);"#,
    );
    assert!(!shown.ok().stdout().trim().is_empty());
    assert_eq!(sim().activity().received - before, 1);
    t.cell("response.generations.len()").gives("1");
}

#[test]
fn every_class_answers() {
    let t = session();
    t.cell(
        r#"let prompts = ["Hello, how are you?"];
let texts = [
    OpenAI::new().agenerate(prompts).await?,
    PromptLayerOpenAI::new().agenerate(prompts).await?,
    ChatOpenAI::new().agenerate(prompts).await?,
    Anthropic::new().agenerate(prompts).await?,
    AzureChatOpenAI::new("deployment").agenerate(prompts).await?,
    Gemini::new().agenerate(prompts).await?,
    Bedrock::new("anthropic.claude-sonnet-4-5-v1:0").agenerate(prompts).await?,
    Ollama::new().agenerate(prompts).await?,
].map(|response| response.generations[0][0].text.clone());
texts.iter().filter(|text| !text.trim().is_empty()).count()"#,
    )
    .gives("8");
}

#[test]
fn many_calls_are_awaited_together() {
    let t = session();
    t.cell(
        r#"async fn ask(llm: &OpenAI) -> Result<String, antiphon::Error> {
    let response = llm.agenerate(["Hello, how are you?"]).await?;
    Ok(response.generations[0][0].text.clone())
}"#,
    )
    .shows_nothing();
    t.cell("let llm = OpenAI::new();").shows_nothing();
    t.cell("let answers = try_join_all((0..10).map(|_| ask(&llm))).await?;").shows_nothing();
    t.cell("answers.len()").gives("10");
}

#[test]
fn a_task_spawned_in_one_cell_is_awaited_in_the_next() {
    let t = session();
    t.cell("let handle = tokio::spawn(async { 6 * 7 });").shows_nothing();
    t.cell("let answer = handle.await?;").shows_nothing();
    t.cell("answer").gives("42");
}

#[test]
fn a_spawned_task_spawns() {
    let t = session();
    t.cell("let outer = tokio::spawn(async { tokio::spawn(async { 20 }).await.map(|n| n + 1) });").shows_nothing();
    t.cell("outer.await??").gives("21");
}

#[test]
fn a_task_goes_on_while_later_cells_run() {
    let t = session();
    t.cell(
        "let go = std::sync::Arc::new(tokio::sync::Notify::new());
let task = tokio::spawn({
    let go = go.clone();
    async move {
        go.notified().await;
        println!(\"from the task\");
    }
});",
    )
    .shows_nothing();
    t.cell("1 + 1").gives("2");
    t.cell("go.notify_one();\ntask.await?;\nprintln!(\"from the cell\");").prints("from the task\nfrom the cell\n");
}

#[test]
fn a_task_prints_while_a_later_cell_computes() {
    let t = session();
    t.cell(
        "use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
let (go, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
tokio::spawn({
    let (go, done) = (go.clone(), done.clone());
    async move {
        while !go.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        println!(\"from the task\");
        done.store(true, Ordering::SeqCst);
    }
});",
    )
    .shows_nothing();
    // No `.await`: the cell's own thread does not give way.
    t.cell(
        "go.store(true, Ordering::SeqCst);
while !done.load(Ordering::SeqCst) {
    std::thread::sleep(Duration::from_millis(5));
}
println!(\"from the cell\");",
    )
    .prints("from the task\nfrom the cell\n");
}

#[test]
fn what_a_task_prints_between_cells_comes_with_the_next_cell() {
    let t = session();
    t.cell(
        "let task = tokio::spawn(async {
    tokio::time::sleep(Duration::from_millis(50)).await;
    println!(\"between cells\");
});",
    )
    .shows_nothing();
    let shown = t.cell("task.await?;\nprintln!(\"cell\");").ok();
    assert_eq!(shown.stdout(), "between cells\ncell\n");
}

#[test]
fn reqwest_works_inside_a_spawned_task() {
    let t = session();
    t.cell(&format!(
        "let url = \"{}/health\";
let status = tokio::spawn(async move {{ reqwest::get(url).await.map(|response| response.status().as_u16()) }}).await??;
status",
        sim().base_url()
    ))
    .gives("200");
}

#[test]
fn a_reqwest_client_is_kept_across_cells() {
    let t = session();
    t.cell("let client = reqwest::Client::new();").shows_nothing();
    let code = format!("client.get(\"{}/health\").send().await?.status().as_u16()", sim().base_url());
    t.cell(&code).gives("200");
    t.cell(&code).gives("200");
}

#[test]
fn a_blocking_call_works_inside_a_cell() {
    let t = session();
    t.cell("let llm = OpenAI::new();").shows_nothing();
    t.cell(
        r#"let response = llm.generate(["Hello, how are you?"])?;
response.generations.len()"#,
    )
    .gives("1");
    // In a function, in a task, and on a thread of the user's own.
    t.cell(
        r#"fn ask(llm: &OpenAI) -> usize { llm.generate(["a", "b"]).unwrap().generations.len() }
let shared = std::sync::Arc::new(llm.clone());
let (of_task, of_thread) = (shared.clone(), shared.clone());
[
    ask(&shared),
    tokio::spawn(async move { ask(&of_task) }).await?,
    tokio::task::spawn_blocking(move || std::thread::spawn(move || ask(&of_thread)).join().unwrap()).await?,
]"#,
    )
    .gives("[2, 2, 2]");
}

#[test]
fn a_main_function_can_be_pasted_and_called() {
    let t = session();
    t.cell(
        "#[tokio::main]
async fn main() {
    tokio::time::sleep(Duration::from_millis(1)).await;
    println!(\"main\");
}
main();",
    )
    .prints("main\n");
    t.cell(
        "#[tokio::main(flavor = \"current_thread\")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tokio::spawn(async { println!(\"task\") }).await?;
    Ok(())
}
main().unwrap();",
    )
    .prints("task\n");
}

#[test]
fn a_runtime_can_be_made_inside_a_cell() {
    let t = session();
    t.cell(
        "tokio::runtime::Runtime::new()?.block_on(async {
    tokio::time::sleep(Duration::from_millis(1)).await;
    7
})",
    )
    .gives("7");
    t.cell(
        "tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    tokio::time::sleep(Duration::from_millis(1)).await;
    tokio::spawn(async { 8 }).await.unwrap()
})",
    )
    .gives("8");
    t.cell("let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;")
        .shows_nothing();
    t.cell("runtime.spawn(async { 9 }).await?").gives("9");
    t.cell("drop(runtime);").shows_nothing();
    t.cell("tokio::runtime::Handle::current().block_on(async { 10 })").failed("Panic");
    t.cell("tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(async { 11 }))").gives("11");
}

#[test]
fn a_cell_waits_for_channels_timers_and_locks_of_other_cells() {
    let t = session();
    t.cell("let (sender, mut receiver) = tokio::sync::mpsc::channel::<u32>(4);").shows_nothing();
    t.cell("let lock = std::sync::Arc::new(tokio::sync::Mutex::new(0));").shows_nothing();
    t.cell(
        "let worker = tokio::spawn({
    let (sender, lock) = (sender.clone(), lock.clone());
    async move {
        *lock.lock().await += 5;
        sender.send(1).await
    }
});",
    )
    .shows_nothing();
    t.cell("receiver.recv().await").gives("Some(1)");
    t.cell("worker.await??;\n*lock.lock().await").gives("5");
    t.cell("tokio::time::timeout(Duration::from_millis(20), receiver.recv()).await.is_err()").gives("true");
    t.cell(
        "tokio::select! {
    _ = tokio::time::sleep(Duration::from_millis(1)) => \"timer\",
    _ = receiver.recv() => \"message\",
}",
    )
    .gives("\"timer\"");
}

/// A runtime that a thread blocks on is no cell: neither its beginning nor its end is taken for the cell's.
#[test]
fn threads_may_block_on_runtimes_while_cells_end() {
    let t = session();
    t.cell("let kept = 1;\nlet go_on = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));").shows_nothing();
    let code = "let flag = go_on.clone();
let thread = std::thread::spawn(move || {
    let mut runs = 0;
    while flag.load(std::sync::atomic::Ordering::Relaxed) {
        runs += tokio::runtime::Runtime::new().unwrap().block_on(async { tokio::task::yield_now().await; 1 });
    }
    runs
});";
    t.cell(code).shows_nothing();
    for n in 0..20 {
        let shown = t.cell(&format!("println!(\"{n}\");\nkept + {n}")).gives(&(n + 1).to_string());
        assert_eq!(shown.stdout(), format!("{n}\n"));
    }
    t.cell("panic!(\"on purpose\")").failed("Panic");
    let running = t.start("println!(\"go\");\ntokio::time::sleep(Duration::from_secs(60)).await;");
    running.until_printed("go").cut().0.failed("Cancelled");
    t.cell("go_on.store(false, std::sync::atomic::Ordering::Relaxed);\nthread.join().unwrap() > 0").gives("true");
}
