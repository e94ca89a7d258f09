//! `AzureChatOpenAI`: both forms of address, both kinds of key, the content filter.

use antiphon::{AzureChatOpenAI, ErrorKind, FinishReason, StreamEvent};
use antiphon_sim::{ErrorAnswer, Fault, Latency, Sim};
use serde_json::json;

use crate::environment::in_child;
use crate::streams::{check, events, sim};
use crate::support::{PATIENCE, Reply, Server};

const HELLO: &str = "Hello, how are you?";

fn at(base_url: &str) -> AzureChatOpenAI {
    AzureChatOpenAI::new("my deployment").base_url(base_url).api_key("k").timeout(PATIENCE).max_retries(0)
}

#[tokio::test]
async fn both_forms_of_address() {
    let sim = sim().await;
    let llm = at(&sim.base_url()).temperature(0.0).max_tokens(20).n(2);
    let result = llm.agenerate([HELLO]).await.unwrap();
    assert_eq!(result.generations[0].len(), 2);
    let info = &result.generations[0][0].generation_info;
    assert_eq!(info["content_filter_results"]["hate"], json!({"filtered": false, "severity": "safe"}));
    assert_eq!(info["prompt_filter_results"][0]["prompt_index"], 0);
    let dated = llm.clone().n(1).api_version("2024-10-21").azure_ad_token("token");
    let (events, error) = events(&dated).await;
    assert!(error.is_none(), "{error:?}");
    check(&events, &dated.agenerate([HELLO]).await.unwrap());
    let Some(StreamEvent::End(streamed)) = events.last() else {
        panic!("{events:?}");
    };
    let streamed = &streamed.generations[0][0].generation_info;
    assert_eq!(streamed["content_filter_results"], info["content_filter_results"]);
    assert_eq!(streamed["prompt_filter_results"], info["prompt_filter_results"]);
    assert!(streamed["request_id"].as_str().unwrap().starts_with("req_"));

    let requests = sim.requests();
    assert_eq!((requests[0].path.as_str(), &requests[0].query), ("/openai/v1/chat/completions", &vec![]));
    assert_eq!(requests[0].key_in, ["api-key"]);
    assert_eq!(
        requests[0].body,
        json!({
            "model": "my deployment", "temperature": 0.0, "max_tokens": 20, "n": 2,
            "messages": [{"role": "user", "content": HELLO}],
        })
    );
    assert_eq!(requests[1].path, "/openai/deployments/my%20deployment/chat/completions");
    assert_eq!(requests[1].query, ["api-version=2024-10-21"]);
    assert_eq!(requests[1].key_in, ["authorization"]);
}

#[test]
fn variables_are_those_of_the_official_package() {
    let server = Server::start(|_| Reply::json(&json!({"choices": [{"message": {"content": "a"}}]})));
    let url = server.url().replace("/v1", "");
    let variables = [
        ("AZURE_OPENAI_ENDPOINT", url.as_str()),
        ("AZURE_OPENAI_API_KEY", "key"),
        ("AZURE_OPENAI_AD_TOKEN", "token"),
        ("OPENAI_API_VERSION", "2024-10-21"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:9"),
    ];
    if in_child("azure::variables_are_those_of_the_official_package", &variables).is_some() {
        let requests = server.requests();
        assert_eq!(requests[0].path, "/openai/deployments/d/chat/completions?api-version=2024-10-21");
        // A token counts before a key, and what is set before both.
        assert_eq!((requests[0].header("authorization"), requests[0].header("api-key")), (Some("Bearer token"), None));
        assert_eq!((requests[1].header("authorization"), requests[1].header("api-key")), (None, Some("set")));
        assert_eq!(requests[1].path, "/openai/v1/chat/completions?api-version=preview");
        return;
    }
    AzureChatOpenAI::new("d").generate(["a"]).unwrap();
    AzureChatOpenAI::new("d").api_key("set").api_version("preview").generate(["a"]).unwrap();
}

#[test]
fn what_is_missing_is_named() {
    if in_child("azure::what_is_missing_is_named", &[]).is_some() {
        return;
    }
    let error = AzureChatOpenAI::new("d").api_key("k").generate(["a"]).unwrap_err();
    assert_eq!(error.to_string(), "`base_url` must be set, or the variable AZURE_OPENAI_ENDPOINT");
    let error = AzureChatOpenAI::new("d").base_url("https://r.openai.azure.com").generate(["a"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no API key for azure.ai.openai: set AZURE_OPENAI_API_KEY or `api_key`, or `base_url` for a server that needs none"
    );
    let error = AzureChatOpenAI::new(" ").base_url("http://127.0.0.1:9").generate(["a"]).unwrap_err();
    assert_eq!(error.to_string(), "`model` must not be empty");
    let shown = format!("{:?}", AzureChatOpenAI::new("d").api_key("hunter2").azure_ad_token("hunter2"));
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn the_content_filter() {
    let sim = sim().await;
    let llm = at(&sim.base_url()).max_retries(2);
    sim.inject(Fault::Error(ErrorAnswer::content_filtered()));
    let error = llm.agenerate([HELLO]).await.unwrap_err();
    assert_eq!((error.kind(), error.status(), error.is_retryable()), (ErrorKind::ContentFilter, Some(400), false));
    assert_eq!((error.code(), error.param()), (Some("content_filter"), Some("prompt")));
    assert!(error.to_string().ends_with("; change the prompt, or the filter where the provider lets you"), "{error}");
    assert_eq!(sim.requests().len(), 1);

    let server = Server::start(|_| {
        let results = json!({"violence": {"filtered": true, "severity": "high"}});
        let choice = json!({"finish_reason": "content_filter", "message": {}, "content_filter_results": results});
        Reply::json(&json!({"choices": [choice]}))
    });
    let result = at(&server.url()).agenerate([HELLO]).await.unwrap();
    let generation = &result.generations[0][0];
    assert_eq!((generation.text.as_str(), generation.finish_reason()), ("", Some(FinishReason::ContentFilter)));
    assert_eq!(generation.generation_info["content_filter_results"]["violence"]["filtered"], true);
}

#[tokio::test]
async fn refusals_of_the_gateway_and_waits() {
    let sim = Sim::builder().seed(7).latency(Latency::None).require_key(true).models(["d"]).start().await.unwrap();
    let error = at(&sim.base_url()).api_key("").agenerate([HELLO]).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Authentication, Some("401")));
    assert!(error.to_string().ends_with("; check the key in AZURE_OPENAI_API_KEY or `api_key`"), "{error}");
    let error = at(&sim.base_url()).agenerate([HELLO]).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, Some("DeploymentNotFound")));

    let llm = at(&sim.base_url()).model("d").max_retries(1);
    let busy = ErrorAnswer::new(429, "", "Requests have exceeded the call rate limit.").with_code("429");
    sim.inject(Fault::Error(busy.with_header("retry-after-ms", "20").with_header("retry-after", "60")));
    let result = llm.agenerate([HELLO]).await.unwrap();
    assert_eq!(result.generations[0][0].generation_info["retries"], 1);
    // o-series models know the new name of the limit only.
    let sim = self::sim().await;
    let result = at(&sim.base_url()).model("o3-azure").max_tokens(3).agenerate([HELLO]).await.unwrap();
    assert_eq!(result.generations[0][0].finish_reason(), Some(FinishReason::Length));
    assert_eq!(sim.requests().last().unwrap().body["max_completion_tokens"], 3);
}
