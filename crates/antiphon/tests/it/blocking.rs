//! `generate` from every kind of thread.

use antiphon::{Anthropic, ChatOpenAI, OpenAI, StreamEvent};

use crate::support::{PATIENCE, Reply, Server, bodies};

fn server() -> Server {
    Server::start(|request| match request.path.as_str() {
        "/v1/completions" => Reply::json(&bodies::completion(request)),
        "/v1/chat/completions" => Reply::json(&bodies::chat(request)).header("content-type", "application/json"),
        _ => Reply::json(&bodies::messages(request)),
    })
}

fn generate(server: &Server) {
    let llm = OpenAI::new().base_url(server.url()).timeout(PATIENCE);
    assert_eq!(llm.generate(["a", "b"]).unwrap().to_string(), "[0] a 0\n[1] b 0");
}

#[test]
fn outside_any_runtime() {
    let server = server();
    generate(&server);
    generate(&server);
    let chat = ChatOpenAI::new().base_url(server.url()).timeout(PATIENCE);
    assert_eq!(chat.generate(["a"]).unwrap().to_string(), "a 0");
    let anthropic = Anthropic::new().base_url(server.url()).timeout(PATIENCE);
    assert_eq!(anthropic.generate(["a"]).unwrap().to_string(), "a!");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| generate(&server));
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn inside_a_multi_thread_runtime() {
    let server = server();
    generate(&server);
    let server = tokio::spawn(async move {
        generate(&server);
        server
    });
    let server = server.await.unwrap();
    tokio::task::spawn_blocking(move || generate(&server)).await.unwrap();
}

/// The way out that the documentation names.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn inside_a_local_set() {
    let server = server();
    let call = async move { tokio::task::spawn_blocking(move || generate(&server)).await.unwrap() };
    tokio::task::LocalSet::new().run_until(async move { tokio::task::spawn_local(call).await.unwrap() }).await;
}

#[tokio::test]
async fn inside_a_current_thread_runtime() {
    let server = server();
    generate(&server);
    let llm = ChatOpenAI::new().base_url(server.url()).timeout(PATIENCE);
    assert_eq!(llm.generate_each(["a"]).unwrap().into_result().unwrap().to_string(), "a 0");
    let events: Result<Vec<_>, _> = llm.stream("a").unwrap().collect();
    assert!(matches!(events.unwrap().last(), Some(StreamEvent::End(result)) if result.to_string() == "a 0"));
    let answers: Vec<_> = llm.batch(["a", "b"]).map(|it| it.result.unwrap().to_string()).collect();
    assert_eq!(answers, ["a 0", "b 0"]);
    tokio::task::spawn_blocking(move || generate(&server)).await.unwrap();
}

#[test]
fn errors_come_through() {
    let error = OpenAI::new().n(0).generate(["a"]).unwrap_err();
    assert_eq!(error.to_string(), "`n` must be at least 1");
}
