//! Results of each prompt, batches, system prompts: calls of more than one prompt.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use antiphon::{Anthropic, BatchProgress, ChatOpenAI, ErrorKind, Llm, Ollama, OpenAI};
use antiphon_sim::{ErrorAnswer, Fault, Latency, Sim};
use futures::stream;
use tokio::sync::Barrier;

use crate::streams::{classes, sim};
use crate::support::{PATIENCE, Reply, Server, bodies};

fn refused() -> Reply {
    Reply::status(400, bodies::error("invalid_request_error", "invalid_value", "x", "no"))
}

fn openai(server: &Server) -> OpenAI {
    OpenAI::new().base_url(server.url()).model("m").timeout(PATIENCE).max_retries(0)
}

#[tokio::test]
async fn one_failure_costs_nobody_elses_answer() {
    let server = Server::start(|request| {
        if request.body["prompt"] == "bad" { refused() } else { Reply::json(&bodies::completion(request)) }
    });
    let llm = openai(&server).batch_size(1);
    let answers = llm.agenerate_each(["a", "bad", "c"]).await.unwrap();
    assert!(!answers.is_ok());
    let texts: Vec<_> = answers.results.iter().map(|it| it.generations.first().map(|it| it.text.as_str())).collect();
    assert_eq!(texts, [Some("a 0"), None, Some("c 0")]);
    let errors: Vec<_> = answers.errors().map(|(prompt, error)| (prompt, error.kind())).collect();
    assert_eq!(errors, [(1, ErrorKind::BadRequest)]);
    // Only what succeeded was counted.
    assert_eq!(answers.llm_output.token_usage.total_tokens, 6);
    assert_eq!(answers.into_result().unwrap_err().kind(), ErrorKind::BadRequest);
    assert_eq!(llm.agenerate(["a", "bad"]).await.unwrap_err().kind(), ErrorKind::BadRequest);
    assert_eq!(llm.generate_each(["a"]).unwrap().into_result().unwrap().to_string(), "a 0");
}

#[tokio::test]
async fn a_failed_request_has_failed_for_all_of_its_prompts() {
    let server = Server::start(|request| match request.body["prompt"].as_array() {
        Some(prompts) if prompts.contains(&"bad".into()) => Reply::status(401, ""),
        _ => Reply::json(&bodies::completion(request)),
    });
    let answers = openai(&server).batch_size(2).agenerate_each(["a", "bad", "c", "d", "e"]).await.unwrap();
    let failed: Vec<_> = answers.errors().map(|(prompt, error)| (prompt, error.kind())).collect();
    assert_eq!(failed, [(0, ErrorKind::Authentication), (1, ErrorKind::Authentication)]);
    assert_eq!(answers.results[4].generations[0].text, "e 0");
}

#[tokio::test]
async fn a_server_that_takes_no_lists_keeps_the_good_ones() {
    let server = Server::start(|request| {
        if request.body["prompt"].is_array() || request.body["prompt"] == "bad" {
            return refused();
        }
        Reply::json(&bodies::completion(request))
    });
    let answers = openai(&server).agenerate_each(["a", "bad", "c"]).await.unwrap();
    assert_eq!(answers.errors().map(|(prompt, _)| prompt).collect::<Vec<_>>(), [1]);
    assert_eq!(answers.results[2].generations[0].text, "c 0");
    // The server is known now.
    openai(&server).agenerate(["a", "c"]).await.unwrap();
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test]
async fn what_was_paid_of_a_prompt_is_kept() {
    let server = Server::start(|request| {
        if request.number == 0 { Reply::status(401, "") } else { Reply::json(&bodies::messages(request)) }
    });
    let llm = Anthropic::new().base_url(server.url()).model("m").n(3).timeout(PATIENCE).max_retries(0);
    let answers = llm.agenerate_each(["a"]).await.unwrap();
    assert_eq!(answers.results[0].generations.len(), 2);
    assert_eq!(answers.results[0].error.as_ref().unwrap().kind(), ErrorKind::Authentication);
}

#[tokio::test]
async fn prompts_of_every_class_run_together() {
    let all = Arc::new(Barrier::new(4));
    let server = Server::start(move |request| {
        let body = match request.path.as_str() {
            "/v1/completions" => bodies::completion(request),
            "/v1/chat/completions" => bodies::chat(request),
            "/v1/api/chat" => serde_json::json!({"model": "m", "message": {"content": "x"}, "done": true}),
            _ => bodies::messages(request),
        };
        Reply::json(&body).after(&all)
    });
    let classes: [Box<dyn Llm>; 4] = [
        Box::new(openai(&server).batch_size(1)),
        Box::new(ChatOpenAI::new().base_url(server.url()).model("m").timeout(PATIENCE)),
        Box::new(Anthropic::new().base_url(server.url()).model("m").timeout(PATIENCE)),
        Box::new(Ollama::new().base_url(server.url()).model("m").timeout(PATIENCE)),
    ];
    for llm in classes {
        let result = llm.agenerate(["a", "b", "c", "d"]).await.unwrap();
        assert_eq!(result.generations.len(), 4);
    }
}

#[tokio::test]
async fn a_batch_is_bounded_and_in_order() {
    let sim = Sim::builder().latency(Latency::Constant(Duration::from_millis(5))).start().await.unwrap();
    let reports = Arc::new(Mutex::new(Vec::<BatchProgress>::new()));
    let told = Arc::clone(&reports);
    for llm in classes(&sim) {
        let prompts = (0..30).map(|number| format!("Question {number}"));
        let told = Arc::clone(&told);
        let mut batch = llm.abatch(prompts).max_concurrency(4).on_progress(move |progress| {
            told.lock().unwrap().push(*progress);
        });
        let mut indices = Vec::new();
        while let Some(item) = batch.next().await {
            assert!(item.result.unwrap().to_string().contains(&format!("Question {}\"", item.index)));
            indices.push(item.index);
            assert!(sim.in_flight() <= 5, "{}", sim.in_flight());
        }
        assert_eq!(indices, (0..30).collect::<Vec<_>>());
        let reports = std::mem::take(&mut *reports.lock().unwrap());
        assert_eq!(reports.len(), 60);
        let most = reports.iter().map(|it| it.started - it.succeeded - it.failed).max();
        assert_eq!(most, Some(4));
        let last = reports.last().unwrap();
        assert_eq!((last.started, last.succeeded, last.failed, last.total), (30, 30, 0, Some(30)));
    }
}

#[tokio::test]
async fn a_batch_as_completed_does_not_wait_for_the_slow() {
    let sim = sim().await;
    sim.inject(Fault::Stall);
    let llm = ChatOpenAI::new().base_url(format!("{}/v1", sim.base_url())).model("m").max_retries(0);
    let mut batch = llm.abatch((0..20).map(|it| it.to_string())).max_concurrency(3).as_completed();
    for _ in 0..19 {
        batch.next().await.unwrap().result.unwrap();
    }
    // The twentieth hangs; giving up on the batch ends it.
    assert_eq!(sim.in_flight(), 1);
    drop(batch);
    sim.wait_until(|activity| activity.in_flight == 0).await;
}

#[tokio::test]
async fn a_batchs_failures_are_its_items() {
    let sim = sim().await;
    for _ in 0..3 {
        sim.inject(Fault::Error(ErrorAnswer::new(401, "invalid_request_error", "no")));
    }
    let llm = ChatOpenAI::new().base_url(format!("{}/v1", sim.base_url())).model("m");
    let mut batch = llm.abatch_stream(stream::iter(["a", "b", "c", "d"])).max_concurrency(0);
    let mut kinds = Vec::new();
    while let Some(item) = batch.next().await {
        kinds.push(item.result.map_err(|error| error.kind()).err());
    }
    assert_eq!(
        kinds,
        [Some(ErrorKind::Authentication), Some(ErrorKind::Authentication), Some(ErrorKind::Authentication), None]
    );
    assert!(llm.abatch(Vec::<String>::new()).next().await.is_none());
}

#[test]
fn a_blocking_batch() {
    let tokio_runtime = tokio::runtime::Runtime::new().unwrap();
    let sim = tokio_runtime.block_on(sim());
    for llm in classes(&sim) {
        let batch = llm.batch(["a", "b", "c"]).max_concurrency(2);
        let indices: Vec<_> = batch.map(|item| (item.index, item.result.is_ok())).collect();
        assert_eq!(indices, [(0, true), (1, true), (2, true)]);
        let _entered = tokio_runtime.enter();
        assert_eq!(llm.batch(["a", "b"]).as_completed().count(), 2);
    }
}

#[test]
fn a_batch_needs_no_runtime() {
    let server = Server::start(|request| Reply::json(&bodies::completion(request)));
    let item = futures::executor::block_on(openai(&server).abatch(["a"]).next()).unwrap();
    assert_eq!(item.result.unwrap().to_string(), "a 0");
}

#[tokio::test]
async fn system_prompts_come_first() {
    let sim = sim().await;
    let base = sim.base_url();
    ChatOpenAI::new().base_url(format!("{base}/v1")).model("m").system("Be brief.").agenerate(["Hi"]).await.unwrap();
    Ollama::new().base_url(&base).model("m").system("Be brief.").agenerate(["Hi"]).await.unwrap();
    Anthropic::new().base_url(&base).model("m").system("Be brief.").agenerate(["Hi"]).await.unwrap();
    let requests = sim.requests();
    let first = serde_json::json!({"role": "system", "content": "Be brief."});
    assert_eq!(requests[0].body["messages"][0], first);
    assert_eq!(requests[1].body["messages"][0], first);
    assert_eq!(requests[2].body["system"], "Be brief.");
    assert_eq!(requests[2].body["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn ollama_sends_what_was_set_and_nothing_else() {
    let sim = sim().await;
    let llm = || Ollama::new().base_url(sim.base_url()).model("m");
    llm().agenerate(["Hi"]).await.unwrap();
    let messages = serde_json::json!([{"role": "user", "content": "Hi"}]);
    let plain = serde_json::json!({"model": "m", "stream": false, "messages": messages});
    assert_eq!(sim.requests()[0].body, plain);
    assert_eq!(sim.requests()[0].path, "/api/chat");
    let llm = llm().temperature(0.5).max_tokens(3).top_p(0.5).top_k(4).seed(1).num_ctx(2_048).stop(["X"]);
    let result = llm.keep_alive("10m").think(false).n(2).agenerate(["Hi"]).await.unwrap();
    assert_eq!(result.generations[0].len(), 2);
    assert_eq!(result.generations[0][0].generation_info["finish_reason"], "length");
    assert_eq!(result.llm_output.token_usage.output_tokens, 6);
    assert_eq!(
        sim.requests()[1].body,
        serde_json::json!({
            "model": "m", "stream": false, "messages": messages, "keep_alive": "10m", "think": false,
            "options": {
                "temperature": 0.5, "num_predict": 3, "top_p": 0.5, "top_k": 4, "seed": 1, "num_ctx": 2048,
                "stop": ["X"],
            },
        })
    );
}
