//! What is read from the environment, and what is set once for a process. Such tests run
//! themselves again in a child process.

use std::process::{Command, Output};

use antiphon::{Anthropic, ErrorKind, OpenAI, PromptLayerOpenAI};

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
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_BASE_URL",
        "PROMPTLAYER_API_KEY",
        "PROMPTLAYER_BASE_URL",
    ] {
        command.env_remove(variable);
    }
    command
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, name)
        .envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{output:?}"
    );
    Some(output)
}

#[test]
fn missing_keys() {
    if in_child("environment::missing_keys", &[]).is_some() {
        return;
    }
    let hint = "or run with `--sim` for simulated answers";
    for (error, expected) in [
        (
            OpenAI::new().generate(["a"]).unwrap_err(),
            format!("no API key for openai: set OPENAI_API_KEY, {hint}"),
        ),
        (
            Anthropic::new().generate(["a"]).unwrap_err(),
            format!("no API key for anthropic: set ANTHROPIC_API_KEY, {hint}"),
        ),
        (
            PromptLayerOpenAI::new()
                .api_key("k")
                .generate(["a"])
                .unwrap_err(),
            format!("no API key for promptlayer: set PROMPTLAYER_API_KEY, {hint}"),
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
fn a_host_drives_the_blocking_calls_inside_a_runtime() {
    if in_child(
        "environment::a_host_drives_the_blocking_calls_inside_a_runtime",
        &[],
    )
    .is_some()
    {
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
    assert_eq!(
        error.to_string(),
        "blocking call was interrupted before its answer came"
    );
    assert_eq!(server.requests().len(), 1);
}
