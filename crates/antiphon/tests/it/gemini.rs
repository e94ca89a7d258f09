//! `Gemini`: what it sends, what it reads, and the waits that Google asks for.

use std::time::{Duration, Instant};

use antiphon::{ErrorKind, FinishReason, Gemini, Message, Prompt, StreamEvent};
use antiphon_sim::{ErrorAnswer, Fault, Latency, Sim};
use serde_json::json;

use crate::environment::in_child;
use crate::streams::{check, events, sim, text};
use crate::support::{PATIENCE, Reply, Server};

const HELLO: &str = "Hello, how are you?";

fn at(base_url: &str) -> Gemini {
    Gemini::new().base_url(base_url).model("m").api_key("k").timeout(PATIENCE).max_retries(0)
}

fn scripted(server: &Server) -> Gemini {
    at(&server.url().replace("/v1", ""))
}

#[tokio::test]
async fn sends_what_was_set_and_nothing_else() {
    let sim = sim().await;
    at(&sim.base_url()).agenerate(["Hi"]).await.unwrap();
    let talk = Prompt::from([Message::user("u"), Message::system("t"), Message::assistant("a"), Message::user("v")]);
    let llm = at(&sim.base_url()).model("tunedModels/a b").system("s").stop(["X"]).temperature(0.5).top_p(0.9).top_k(3);
    let llm = llm.max_tokens(7).seed(1).n(2).frequency_penalty(0.1).presence_penalty(0.2).logit_bias([(1, 1.0)]);
    let result = llm.thinking_budget(128).include_thoughts(true).agenerate([&talk]).await.unwrap();
    assert_eq!(result.generations[0].len(), 2);
    assert_eq!(result.generations[0][0].generation_info["dropped_params"], json!(["logit_bias"]));
    at(&sim.base_url()).model("models/m").astream("Hi").await.unwrap().result().await.unwrap();

    let requests = sim.requests();
    assert_eq!(requests[0].path, "/v1beta/models/m:generateContent");
    assert_eq!(requests[0].key_in, ["x-goog-api-key"]);
    assert_eq!(requests[0].body, json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}));
    assert_eq!(requests[1].path, "/v1beta/tunedModels/a%20b:generateContent");
    let turn = |role: &str, text: &str| json!({"role": role, "parts": [{"text": text}]});
    assert_eq!(
        requests[1].body,
        json!({
            "contents": [turn("user", "u"), turn("model", "a"), turn("user", "v")],
            "systemInstruction": {"parts": [{"text": "s"}, {"text": "t"}]},
            "generationConfig": {
                "temperature": 0.5, "topP": 0.9, "topK": 3, "maxOutputTokens": 7, "candidateCount": 2, "seed": 1,
                "stopSequences": ["X"], "frequencyPenalty": 0.1, "presencePenalty": 0.2,
                "thinkingConfig": {"thinkingBudget": 128, "includeThoughts": true},
            },
        })
    );
    assert_eq!(requests[2].path, "/v1beta/models/m:streamGenerateContent");
    assert_eq!(requests[2].query, ["alt=sse"]);
}

#[test]
fn variables_are_those_of_googles_sdk() {
    let server = Server::start(|_| Reply::json(&json!({"candidates": [{"content": {"parts": [{"text": "a"}]}}]})));
    let url = server.url().replace("/v1", "");
    let variables =
        [("GOOGLE_GEMINI_BASE_URL", url.as_str()), ("GEMINI_API_KEY", "gemini"), ("GOOGLE_API_KEY", "google")];
    if in_child("gemini::variables_are_those_of_googles_sdk", &variables).is_some() {
        let request = server.only_request();
        assert_eq!(request.path, "/v1beta/models/gemini-flash-latest:generateContent");
        assert_eq!(request.header("x-goog-api-key"), Some("google"));
        return;
    }
    assert_eq!(Gemini::new().generate(["a"]).unwrap().to_string(), "a");
    let error = Gemini::new().base_url("https://generativelanguage.googleapis.com").api_key("").model(" ");
    assert_eq!(error.generate(["a"]).unwrap_err().to_string(), "`model` must not be empty");
}

#[test]
fn a_missing_key_is_named() {
    if in_child("gemini::a_missing_key_is_named", &[]).is_some() {
        return;
    }
    let error = Gemini::new().generate(["a"]).unwrap_err();
    let expected =
        "no API key for gcp.gemini: set GEMINI_API_KEY or `api_key`, or `base_url` for a server that needs none";
    assert_eq!(error.to_string(), expected);
    let shown = format!("{:?}", Gemini::new().api_key("hunter2"));
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn thoughts_and_tokens() {
    let sim = sim().await;
    let llm = at(&sim.base_url()).temperature(0.0).include_thoughts(true);
    let whole = llm.agenerate([HELLO]).await.unwrap();
    for base in [sim.base_url(), format!("{}?alt=json", sim.base_url())] {
        let (events, error) = events(&llm.clone().base_url(base)).await;
        assert!(error.is_none(), "{error:?}");
        check(&events, &whole);
        assert!(matches!(events[0], StreamEvent::Reasoning(_)), "{events:?}");
        // Counts are of all tokens so far: they grow, and are not added up.
        let usages = events.iter().filter_map(|it| if let StreamEvent::Usage(usage) = it { Some(usage) } else { None });
        let outputs: Vec<_> = usages.map(|usage| usage.output_tokens).collect();
        assert!(outputs.is_sorted() && outputs.len() > 5, "{outputs:?}");
    }
    let generation = &whole.generations[0][0];
    assert_eq!(generation.finish_reason(), Some(FinishReason::Stop));
    assert!(generation.generation_info["reasoning"].as_str().unwrap().starts_with("Words in the question: 4."));
    let usage = whole.llm_output.token_usage;
    assert_eq!(usage.total_tokens, usage.input_tokens + usage.output_tokens);
    assert!(0 < usage.reasoning_output_tokens && usage.reasoning_output_tokens < usage.output_tokens, "{usage:?}");
}

#[tokio::test]
async fn waits_are_as_long_as_google_says() {
    let sim = sim().await;
    let llm = at(&sim.base_url()).max_retries(2);
    let wait = Duration::from_millis(700);
    sim.inject(Fault::Error(ErrorAnswer::resource_exhausted("GenerateRequestsPerMinutePerProject", wait)));
    let begun = Instant::now();
    let result = llm.agenerate([HELLO]).await.unwrap();
    assert_eq!(result.generations[0][0].generation_info["retries"], 1);
    assert!(begun.elapsed() >= wait, "{:?}", begun.elapsed());

    let llm = llm.model("daily");
    sim.inject(Fault::Error(ErrorAnswer::resource_exhausted("GenerateRequestsPerDayPerProjectPerModel", wait)));
    let error = llm.agenerate([HELLO]).await.unwrap_err();
    assert_eq!((error.kind(), error.retries(), error.retry_after()), (ErrorKind::QuotaExceeded, 0, Some(wait)));
    // More than two minutes are not waited for.
    let long = Duration::from_secs(121);
    sim.inject(Fault::Error(ErrorAnswer::resource_exhausted("GenerateRequestsPerMinutePerProject", long)));
    let error = llm.model("slow").agenerate([HELLO]).await.unwrap_err();
    assert_eq!((error.kind(), error.retries()), (ErrorKind::RateLimited, 0));
    assert_eq!(sim.requests().len(), 4);
}

#[tokio::test]
async fn blocked_prompts() {
    let body = r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":4}}"#;
    let server = Server::start(move |request| {
        if request.path.contains("stream") {
            Reply::status(200, format!("data: {body}\n\n"))
        } else {
            Reply::status(200, body)
        }
    });
    let llm = scripted(&server).max_retries(2);
    for error in [llm.agenerate(["Hi"]).await.unwrap_err(), events(&llm).await.1.unwrap()] {
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::ContentFilter, false));
        assert_eq!(
            error.to_string(),
            "gcp.gemini: status 200 (PROHIBITED_CONTENT, content_filter): the prompt was blocked [model m]; \
             change the prompt, or the filter where the provider lets you"
        );
    }
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn bad_keys_and_unknown_models() {
    let sim = Sim::builder().seed(7).latency(Latency::None).require_key(true).models(["x"]).start().await.unwrap();
    let error = at(&sim.base_url()).agenerate(["Hi"]).await.unwrap_err();
    assert_eq!((error.kind(), error.error_type()), (ErrorKind::NotFound, Some("NOT_FOUND")));
    let error = at(&sim.base_url()).api_key("").agenerate(["Hi"]).await.unwrap_err();
    assert_eq!((error.kind(), error.error_type()), (ErrorKind::PermissionDenied, Some("PERMISSION_DENIED")));

    let server = Server::start(|_| {
        let details = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]);
        let error =
            json!({"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": details});
        Reply::status(400, json!({"error": error}).to_string())
    });
    let error = scripted(&server).agenerate(["Hi"]).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Authentication, Some("API_KEY_INVALID")));
    assert!(error.to_string().ends_with("; check the key in GEMINI_API_KEY or `api_key`"), "{error}");
}

#[tokio::test]
async fn unheard_of_values_fail_no_call() {
    for (body, expected, finish) in [
        (json!({"candidates": [{}]}), "", None),
        (
            json!({"candidates": [{"finishReason": "NEW_REASON", "index": "x"}], "usageMetadata": null}),
            "",
            Some(FinishReason::Other),
        ),
        (
            json!({"candidates": [{"content": {"parts": [{"inlineData": {}}, {"text": "a"}, {"functionCall": {}}, {"text": 7}]}}]}),
            "a",
            None,
        ),
        (
            json!({"candidates": [{"content": {}, "finishReason": "SAFETY"}], "modelVersion": 3}),
            "",
            Some(FinishReason::ContentFilter),
        ),
    ] {
        let server = Server::start(move |_| Reply::json(&body));
        let result = scripted(&server).agenerate(["Hi"]).await.unwrap();
        assert_eq!(result.to_string(), expected);
        assert_eq!(result.generations[0][0].finish_reason(), finish);
    }
    for (body, problem) in [("{}", "has no `candidates`"), ("[]", "has no `candidates`"), ("7", "has no `candidates`")]
    {
        let server = Server::start(move |_| Reply::status(200, body));
        let error = scripted(&server).agenerate(["Hi"]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
        assert!(error.to_string().contains(problem), "{error}");
    }
    let stream = "data: {}\n\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"NEW\",\"new\":1}]}\n\n";
    let server = Server::start(move |_| Reply::status(200, stream));
    let (events, error) = events(&scripted(&server)).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(text(&events), "a");
}

#[tokio::test]
async fn gateways_that_do_not_stream() {
    let candidate = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#;
    for body in [candidate.to_owned(), format!("[{candidate}\n]\n")] {
        let server =
            Server::start(move |_| Reply::status(200, body.clone()).header("content-type", "application/json"));
        let (events, error) = events(&scripted(&server)).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(text(&events), "a");
    }
    for (body, kind) in [
        (r#"[{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED"}}]"#, ErrorKind::RateLimited),
        (r#"{"error":{"code":401,"message":"who?","status":"UNAUTHENTICATED"}}"#, ErrorKind::Authentication),
        ("[7]", ErrorKind::UnexpectedResponse),
        ("[]", ErrorKind::Connection),
        ("[", ErrorKind::Connection),
    ] {
        let server = Server::start(move |_| Reply::status(200, body).header("content-type", "application/json"));
        assert_eq!(events(&scripted(&server)).await.1.unwrap().kind(), kind, "{body}");
    }
}
