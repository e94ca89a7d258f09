//! What is read from the environment, and what is set once for a process. Such tests run
//! themselves again in a child process.

use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use antiphon::{Anthropic, ChatOpenAI, Error, ErrorKind, OpenAI, PromptLayerOpenAI};
use serde_json::json;

use crate::support::{Reply, Server, bodies};

/// Set in the child, to the name of the test it is to run.
const CHILD: &str = "ANTIPHON_TEST_CHILD";

/// Runs the test called `name` again in a child with no settings but `variables`; `None` in the
/// child itself.
pub(crate) fn in_child(name: &str, variables: &[(&str, &str)]) -> Option<Output> {
    if std::env::var_os(CHILD).is_some_and(|it| it == name) {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    for variable in [
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_API_BASE",
        "AZURE_OPENAI_API_KEY",
        "AZURE_OPENAI_AD_TOKEN",
        "AZURE_OPENAI_ENDPOINT",
        "OPENAI_API_VERSION",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_BASE_URL",
        "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "GOOGLE_GEMINI_BASE_URL",
        "PROMPTLAYER_API_KEY",
        "PROMPTLAYER_BASE_URL",
        "OPENAI_ORG_ID",
        "OPENAI_ORGANIZATION",
        "OPENAI_PROJECT_ID",
        "NO_PROXY",
        "no_proxy",
    ] {
        command.env_remove(variable);
    }
    command.args(["--exact", name, "--nocapture"]).env(CHILD, name).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{output:?}");
    Some(output)
}

#[test]
fn missing_keys() {
    if in_child("environment::missing_keys", &[]).is_some() {
        return;
    }
    let advice = "or `api_key`, or `base_url` for a server that needs none";
    for (error, expected) in [
        (OpenAI::new().generate(["a"]).unwrap_err(), format!("no API key for openai: set OPENAI_API_KEY {advice}")),
        (
            Anthropic::new().generate(["a"]).unwrap_err(),
            format!("no API key for anthropic: set ANTHROPIC_API_KEY {advice}"),
        ),
        (
            PromptLayerOpenAI::new().api_key("k").generate(["a"]).unwrap_err(),
            "no API key for promptlayer: set PROMPTLAYER_API_KEY or `promptlayer_api_key`, or `promptlayer_base_url` for a \
             server that needs none"
                .to_owned(),
        ),
    ] {
        assert_eq!(error.kind(), ErrorKind::MissingKey);
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn variables_are_enough() {
    let server = Server::start(|request| match request.path.as_str() {
        "/v1/completions" => Reply::json(&bodies::completion(request)),
        _ => Reply::json(&bodies::messages(request)),
    });
    let url = server.url();
    let variables = [
        ("OPENAI_API_KEY", "sk-env"),
        ("OPENAI_BASE_URL", url.as_str()),
        ("ANTHROPIC_AUTH_TOKEN", "token"),
        ("ANTHROPIC_BASE_URL", url.as_str()),
        // A proxy is not asked about this machine.
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("http_proxy", "http://127.0.0.1:9"),
    ];
    if in_child("environment::variables_are_enough", &variables).is_some() {
        let requests = server.requests();
        assert_eq!(requests[0].header("authorization"), Some("Bearer sk-env"));
        assert_eq!(requests[0].body["model"], "gpt-3.5-turbo-instruct");
        assert_eq!(requests[1].header("authorization"), Some("Bearer token"));
        return;
    }
    assert_eq!(OpenAI::new().generate(["a"]).unwrap().to_string(), "a 0");
    assert_eq!(Anthropic::new().generate(["a"]).unwrap().to_string(), "a!");
}

#[test]
fn openai_itself_is_asked_by_chat() {
    // A proxy stands in for OpenAI's host.
    let proxy = Server::start(|request| Reply::json(&bodies::chat(request)));
    let url = proxy.url().replace("/v1", "");
    let variables = [("http_proxy", url.as_str()), ("OPENAI_BASE_URL", "http://api.openai.com/v1")];
    if in_child("environment::openai_itself_is_asked_by_chat", &variables).is_some() {
        let mut requests = proxy.requests();
        assert_eq!(requests.len(), 4);
        let chat = requests.pop().unwrap();
        let mut bodies: Vec<_> = requests.into_iter().map(|it| it.body).collect();
        bodies.sort_by_key(|it| it["messages"][0]["content"].to_string());
        assert_eq!(
            bodies[0],
            json!({
                "model": "gpt-6-luna", "temperature": 0.7, "max_completion_tokens": 256,
                "reasoning_effort": "none", "messages": [{ "role": "user", "content": "a" }],
            })
        );
        assert_eq!(bodies[1]["messages"][0]["content"], "b");
        assert_eq!(bodies[2]["model"], "mine");
        assert_eq!(bodies[2].get("reasoning_effort"), None);
        assert_eq!(chat.path, "http://api.openai.com/v1/chat/completions");
        assert_eq!(chat.header("authorization"), Some("Bearer k"));
        assert_eq!(chat.body["model"], "gpt-6-luna");
        assert_eq!(chat.body.get("max_completion_tokens"), None);
        return;
    }
    let llm = OpenAI::new().api_key("k");
    assert_eq!(llm.generate(["a", "b"]).unwrap().to_string(), "[0] a 0\n[1] b 0");
    let result = llm.model("mine").best_of(2).generate(["c"]).unwrap();
    assert_eq!(result.generations[0][0].generation_info["dropped_params"], json!(["best_of"]));
    ChatOpenAI::new().api_key("k").generate(["d"]).unwrap();
}

#[test]
fn a_host_drives_the_blocking_calls_inside_a_runtime() {
    if in_child("environment::a_host_drives_the_blocking_calls_inside_a_runtime", &[]).is_some() {
        return;
    }
    antiphon::blocking::set_blocking_executor(drop);
    // The first call wins.
    antiphon::blocking::set_blocking_executor(|_| unreachable!());
    let server = Server::start(|request| Reply::json(&bodies::completion(request)));
    let llm = OpenAI::new().base_url(server.url());
    assert_eq!(llm.generate(["outside"]).unwrap().to_string(), "outside 0");
    let tokio_runtime = tokio::runtime::Runtime::new().unwrap();
    let error = tokio_runtime.block_on(async { llm.generate(["inside"]).unwrap_err() });
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(error.to_string(), "call was interrupted before its answer came");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn an_interrupted_batch_does_not_pass_for_a_whole_one() {
    static WAITS: AtomicUsize = AtomicUsize::new(0);
    if in_child("environment::an_interrupted_batch_does_not_pass_for_a_whole_one", &[]).is_some() {
        return;
    }
    antiphon::blocking::set_blocking_executor(|future| {
        if WAITS.fetch_add(1, Ordering::Relaxed) != 2 {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future));
        }
    });
    let server = Server::start(|request| Reply::json(&bodies::completion(request)));
    let llm = OpenAI::new().base_url(server.url());
    let tokio_runtime = tokio::runtime::Runtime::new().unwrap();
    let answers = tokio_runtime.block_on(async {
        let mut batch = llm.batch(["a", "b", "c", "d"]);
        let answers: Vec<_> = batch.by_ref().map(|it| (it.index, it.result)).collect();
        assert!(batch.next().is_none());
        answers
    });
    let kinds: Vec<_> = answers.iter().map(|(index, it)| (*index, it.as_ref().err().map(Error::kind))).collect();
    assert_eq!(kinds, [(0, None), (1, None), (2, Some(ErrorKind::Interrupted))]);
}
