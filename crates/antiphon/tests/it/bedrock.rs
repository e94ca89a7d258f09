//! `Bedrock`: what it sends, its regions, its frames and their errors.

use antiphon::{Bedrock, ErrorKind, FinishReason, Message, Prompt, StreamEvent};
use antiphon_sim::{ErrorAnswer, Fault, Latency, Sim};
use serde_json::json;

use crate::environment::in_child;
use crate::streams::{check, events, sim, text};
use crate::support::{PATIENCE, Reply, Server};

const HELLO: &str = "Hello, how are you?";

fn at(base_url: &str) -> Bedrock {
    Bedrock::new("us.a.m-v1:0").base_url(base_url).api_key("k").timeout(PATIENCE).max_retries(0)
}

fn scripted(server: &Server) -> Bedrock {
    at(&server.url().replace("/v1", ""))
}

#[tokio::test]
async fn sends_what_was_set_and_nothing_else() {
    let sim = sim().await;
    at(&sim.base_url()).agenerate(["Hi"]).await.unwrap();
    let talk = Prompt::from([Message::user("u"), Message::system("t"), Message::assistant("a"), Message::user("v")]);
    let llm = at(&sim.base_url()).model("arn:aws:bedrock:us-east-1:1:inference-profile/p").system("s").stop(["X"]);
    let llm = llm.temperature(0.5).top_p(0.9).max_tokens(7).n(2).extra("top_k", 3);
    let result = llm.agenerate([&talk]).await.unwrap();
    assert_eq!(result.generations[0].len(), 2);
    at(&sim.base_url()).astream("Hi").await.unwrap().result().await.unwrap();

    let requests = sim.requests();
    assert_eq!(requests[0].path, "/model/us.a.m-v1%3A0/converse");
    assert_eq!(requests[0].key_in, ["authorization"]);
    assert_eq!(requests[0].body, json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}));
    assert_eq!(requests[1].path, "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fp/converse");
    let turn = |role: &str, text: &str| json!({"role": role, "content": [{"text": text}]});
    assert_eq!(
        requests[1].body,
        json!({
            "messages": [turn("user", "u"), turn("assistant", "a"), turn("user", "v")],
            "system": [{"text": "s"}, {"text": "t"}],
            "inferenceConfig": {"temperature": 0.5, "topP": 0.9, "maxTokens": 7, "stopSequences": ["X"]},
            "additionalModelRequestFields": {"top_k": 3},
        })
    );
    assert_eq!(requests[1].body, requests[2].body);
    assert_eq!(requests[3].path, "/model/us.a.m-v1%3A0/converse-stream");
}

#[test]
fn variables_are_those_of_aws() {
    // A proxy stands in for the region's host.
    let answer = |_: &_| Reply::json(&json!({"output": {"message": {"content": [{"text": "a"}]}}}));
    let server = Server::start(answer);
    let url = server.url().replace("/v1", "");
    let variables = [
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", url.as_str()),
        ("AWS_BEARER_TOKEN_BEDROCK", "token"),
        ("AWS_REGION", "eu-west-1"),
    ];
    if in_child("bedrock::variables_are_those_of_aws", &variables).is_some() {
        let request = server.only_request();
        assert_eq!(
            (request.path.as_str(), request.header("authorization")),
            ("/model/m/converse", Some("Bearer token"))
        );
        return;
    }
    assert_eq!(Bedrock::new("m").generate(["a"]).unwrap().to_string(), "a");
}

#[test]
fn regions_and_keys() {
    let variables = [("AWS_DEFAULT_REGION", "eu-west-1"), ("AWS_REGION", " ")];
    if in_child("bedrock::regions_and_keys", &variables).is_some() {
        return;
    }
    let error = Bedrock::new("m").generate(["a"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no API key for aws.bedrock: set AWS_BEARER_TOKEN_BEDROCK or `api_key`, or `base_url` for a server that needs none"
    );
    let error = Bedrock::new("m").region("evil.com/").generate(["a"]).unwrap_err();
    assert_eq!(error.to_string(), "`region` is not a region of AWS, such as us-east-1");
    let error = Bedrock::new("m").temperature(1.1).generate(["a"]).unwrap_err();
    assert_eq!(error.to_string(), "`temperature` must be between 0 and 1, not 1.1");
    let error = Bedrock::new("m").generate([[Message::system("s")]]).unwrap_err();
    assert_eq!(error.to_string(), "prompt 0 has system messages only");
    let shown = format!("{:?}", Bedrock::new("m").api_key("hunter2"));
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn without_a_region_there_is_no_server() {
    if in_child("bedrock::without_a_region_there_is_no_server", &[]).is_some() {
        return;
    }
    let error = Bedrock::new("m").api_key("k").generate(["a"]).unwrap_err();
    assert_eq!(error.to_string(), "`region` must be set, or the variable AWS_REGION or AWS_DEFAULT_REGION");
}

#[tokio::test]
async fn thoughts_and_tokens() {
    let sim = sim().await;
    let thinking = json!({"type": "enabled", "budget_tokens": 1024});
    let llm = at(&sim.base_url()).temperature(0.0).extra("thinking", thinking);
    let whole = llm.agenerate([HELLO]).await.unwrap();
    let (events, error) = events(&llm).await;
    assert!(error.is_none(), "{error:?}");
    check(&events, &whole);
    assert!(matches!(events[0], StreamEvent::Reasoning(_)), "{events:?}");
    let generation = &whole.generations[0][0];
    assert_eq!(generation.finish_reason(), Some(FinishReason::Stop));
    assert!(generation.generation_info["reasoning"].as_str().unwrap().starts_with("Words in the question: 4."));
    assert!(generation.generation_info["request_id"].as_str().unwrap().starts_with("req_"));

    let server = Server::start(|_| {
        let usage = json!({"inputTokens": 1, "outputTokens": 2, "cacheReadInputTokens": 3, "cacheWriteInputTokens": 4});
        let body =
            json!({"output": {"message": {"content": []}}, "stopReason": "guardrail_intervened", "usage": usage});
        Reply::json(&body)
    });
    let result = scripted(&server).agenerate([HELLO]).await.unwrap();
    assert_eq!(result.generations[0][0].finish_reason(), Some(FinishReason::ContentFilter));
    let usage = result.llm_output.token_usage;
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.total_tokens), (8, 2, 10));
    assert_eq!((usage.cache_read_input_tokens, usage.cache_creation_input_tokens), (3, 4));
}

#[tokio::test]
async fn wrong_checksums_are_errors_in_every_frame() {
    let sim = sim().await;
    let llm = at(&sim.base_url()).temperature(0.0).max_tokens(2);
    let whole = llm.agenerate([HELLO]).await.unwrap().to_string();
    // Start, two pieces of text, the end of the block, the end of the message, the tokens.
    for number in 0..6 {
        sim.inject(Fault::BadChecksum { number });
        let (events, error) = events(&llm).await;
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::UnexpectedResponse, "{number}");
        assert!(
            error.to_string().contains("answer with status 200 has a frame with a wrong checksum [model"),
            "{error}"
        );
        assert!(error.to_string().ends_with("]; it was damaged on its way: try again"), "{error}");
        assert!(whole.starts_with(&text(&events)) && events.iter().all(|it| !matches!(it, StreamEvent::End(_))));
    }
    sim.inject(Fault::BadChecksum { number: 6 });
    assert!(events(&llm).await.1.is_none());
}

#[tokio::test]
async fn leftover_bytes_are_an_error() {
    let sim = sim().await;
    let llm = at(&sim.base_url()).max_tokens(2);
    sim.inject(Fault::Event { number: 6, text: "\0\0\0".to_owned() });
    let error = events(&llm).await.1.unwrap();
    assert!(error.is_truncated(), "{error:?}");
    // All of a frame's head, of which nothing is right.
    sim.inject(Fault::Event { number: 6, text: "<html>no frame</html>".to_owned() });
    let error = events(&llm).await.1.unwrap();
    assert!(error.to_string().contains("has a frame whose lengths have a wrong checksum"), "{error}");
}

#[tokio::test]
async fn exceptions_in_a_stream_have_their_kinds() {
    let sim = sim().await;
    let llm = at(&sim.base_url()).temperature(0.0);
    for (kind, status, expected, is_retryable) in [
        ("throttlingException", 429, ErrorKind::RateLimited, true),
        ("modelStreamErrorException", 424, ErrorKind::Server, true),
        ("internalServerException", 500, ErrorKind::Server, true),
        ("serviceUnavailableException", 503, ErrorKind::Server, true),
        ("validationException", 400, ErrorKind::BadRequest, false),
        ("unheardOfException", 500, ErrorKind::Server, true),
    ] {
        sim.inject(Fault::Exception { number: 3, kind: kind.to_owned(), message: format!("{HELLO} is too much") });
        let (events, error) = events(&llm).await;
        let error = error.unwrap();
        assert_eq!(
            (error.kind(), error.status(), error.is_retryable()),
            (expected, Some(status), is_retryable),
            "{kind}"
        );
        assert_eq!((error.error_type(), error.message()), (Some(kind), Some("[prompt] is too much")));
        assert!(!text(&events).is_empty());
    }
    // Before the first event it is asked again.
    let llm = llm.model("again").max_retries(1);
    sim.inject(Fault::Exception { number: 0, kind: "internalServerException".to_owned(), message: String::new() });
    let result = llm.astream(HELLO).await.unwrap().result().await.unwrap();
    assert_eq!(result.generations[0][0].generation_info["retries"], 1);
}

#[tokio::test]
async fn refusals() {
    let sim = Sim::builder().seed(7).latency(Latency::None).require_key(true).models(["x"]).start().await.unwrap();
    let error = at(&sim.base_url()).agenerate(["Hi"]).await.unwrap_err();
    assert_eq!((error.kind(), error.error_type()), (ErrorKind::BadRequest, Some("ValidationException")));
    let error = at(&sim.base_url()).api_key("").agenerate(["Hi"]).await.unwrap_err();
    assert_eq!((error.kind(), error.error_type()), (ErrorKind::Authentication, Some("AccessDeniedException")));
    assert!(error.request_id().unwrap().starts_with("req_"));

    let llm = at(&sim.base_url()).model("x").max_retries(1);
    sim.inject(Fault::Error(ErrorAnswer::new(403, "UnrecognizedClientException", "No.")));
    let error = llm.agenerate(["Hi"]).await.unwrap_err();
    assert_eq!((error.kind(), error.error_type()), (ErrorKind::Authentication, Some("UnrecognizedClientException")));
    assert!(error.to_string().ends_with("; check the key in AWS_BEARER_TOKEN_BEDROCK or `api_key`"), "{error}");
    sim.inject(Fault::Error(ErrorAnswer::new(403, "AccessDeniedException", "You don't have access to the model.")));
    let error = llm.agenerate(["Hi"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let busy = ErrorAnswer::new(429, "ThrottlingException", "Too many requests.").with_header("retry-after-ms", "20");
    sim.inject(Fault::Error(busy));
    let result = llm.agenerate(["Hi"]).await.unwrap();
    assert_eq!(result.generations[0][0].generation_info["retries"], 1);
    sim.inject(Fault::Error(ErrorAnswer::new(424, "ModelErrorException", "The model failed.")));
    let error = llm.max_retries(0).agenerate(["Hi"]).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Server, true));
}

#[tokio::test]
async fn unheard_of_values_fail_no_call() {
    for (body, expected, finish) in [
        (
            json!({"output": {"message": {"content": [{"image": {}}, {"text": "a"}, {"text": 7}]}}, "usage": null}),
            "a",
            None,
        ),
        (json!({"output": {"message": {"content": []}}, "stopReason": "new"}), "", Some(FinishReason::Other)),
    ] {
        let server = Server::start(move |_| Reply::json(&body));
        let result = scripted(&server).agenerate(["Hi"]).await.unwrap();
        assert_eq!((result.to_string().as_str(), result.generations[0][0].finish_reason()), (expected, finish));
    }
    let server = Server::start(|_| Reply::status(200, "{}"));
    let error = scripted(&server).agenerate(["Hi"]).await.unwrap_err();
    assert!(error.to_string().contains("has no `output.message.content`"), "{error}");
    // A server that does not stream.
    let body = json!({"output": {"message": {"content": [{"text": "a"}]}}});
    let server = Server::start(move |_| Reply::json(&body).header("content-type", "application/json"));
    let (events, error) = events(&scripted(&server)).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(text(&events), "a");
}
