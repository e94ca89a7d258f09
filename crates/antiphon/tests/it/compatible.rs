//! Servers that speak OpenAI's language in their own way.

use antiphon::{ErrorKind, OpenAiCompatible, StreamEvent, init};
use serde_json::{Value, json};

use crate::environment::in_child;
use crate::streams::sim;
use crate::support::{PATIENCE, Reply, Server, bodies};

fn at(server: &Server, llm: OpenAiCompatible) -> OpenAiCompatible {
    llm.base_url(server.url()).model("m").timeout(PATIENCE).max_retries(0)
}

fn stream(body: &'static str) -> Server {
    Server::start(move |_| Reply::status(200, body).header("content-type", "text/event-stream"))
}

async fn events(llm: &OpenAiCompatible) -> Vec<StreamEvent> {
    let mut stream = llm.astream("Hi").await.unwrap();
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event.unwrap());
    }
    events
}

#[tokio::test]
async fn each_server_is_asked_in_its_own_words() {
    let server = Server::start(|request| Reply::json(&bodies::chat(request)));
    let messages = json!([{"role": "user", "content": "Hi"}]);
    let llm = at(&server, OpenAiCompatible::vllm());
    llm.clone().extra("top_k", 40).extra("min_p", json!(0.1)).max_tokens(5).seed(1).agenerate(["Hi"]).await.unwrap();
    let expected = json!({"model": "m", "messages": messages, "max_tokens": 5, "seed": 1, "top_k": 40, "min_p": 0.1});
    assert_eq!(server.requests()[0].body, expected);
    at(&server, OpenAiCompatible::mistral()).seed(1).agenerate(["Hi"]).await.unwrap();
    assert_eq!(server.requests()[1].body, json!({"model": "m", "messages": messages, "random_seed": 1}));
    let llm = at(&server, OpenAiCompatible::openrouter()).api_key("k").header("X-Title", "notebook");
    llm.agenerate(["Hi"]).await.unwrap();
    let request = &server.requests()[2];
    assert_eq!((request.header("x-title"), request.header("authorization")), (Some("notebook"), Some("Bearer k")));
    assert_eq!(request.path, "/v1/chat/completions");
    OpenAiCompatible::llama_cpp().base_url(server.url()).agenerate(["Hi"]).await.unwrap();
    assert_eq!(server.requests()[3].body["model"], "default");

    let error = OpenAiCompatible::new(server.url()).agenerate(["Hi"]).await.unwrap_err();
    assert_eq!(error.to_string(), "`model` must be set for this server");
    let error = at(&server, OpenAiCompatible::groq()).header("X-A", "a\nb").agenerate(["Hi"]).await.unwrap_err();
    assert!(error.to_string().starts_with("`header` holds a line break"), "{error}");
}

#[test]
fn keys_are_needed_where_servers_want_them() {
    if in_child("compatible::keys_are_needed_where_servers_want_them", &[]).is_some() {
        return;
    }
    for (llm, variable) in [
        (OpenAiCompatible::groq(), "GROQ_API_KEY"),
        (OpenAiCompatible::mistral(), "MISTRAL_API_KEY"),
        (OpenAiCompatible::deepseek(), "DEEPSEEK_API_KEY"),
        (OpenAiCompatible::openrouter(), "OPENROUTER_API_KEY"),
    ] {
        let error = llm.model("m").generate(["a"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingKey);
        assert!(error.to_string().contains(variable), "{error}");
    }
}

#[tokio::test]
async fn reasoning_comes_apart_from_the_text() {
    let deepseek = stream(concat!(
        ": keep-alive\n\n",
        "data: {\"model\":\"m2\",\"choices\":[{\"delta\":{\"reasoning_content\":\"Hm\",\"content\":null}}],\"usage\":null}\n\n",
        "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"m.\"}}],\"usage\":null}\n\n",
        ": keep-alive\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":4,\"prompt_cache_hit_tokens\":3,",
        "\"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\n",
        "data: [DONE]\n\n",
    ));
    let events = events(&at(&deepseek, OpenAiCompatible::deepseek())).await;
    assert_eq!(events[0], StreamEvent::Reasoning("Hm".to_owned()));
    assert_eq!(events[2], StreamEvent::Text("Hi".to_owned()));
    let Some(StreamEvent::End(result)) = events.last() else {
        panic!("{events:?}");
    };
    let info = &result.generations[0][0].generation_info;
    assert_eq!((&info["reasoning"], &info["response_model"]), (&json!("Hmm."), &json!("m2")));
    let usage = result.llm_output.token_usage;
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.total_tokens), (5, 4, 9));
    assert_eq!((usage.cache_read_input_tokens, usage.reasoning_output_tokens), (3, 2));
}

#[tokio::test]
async fn unheard_of_values_fail_no_call() {
    // Groq's usage in its own place, an unknown finish reason, no ids, numbers where there should be texts.
    let groq = stream(concat!(
        "data: {\"choices\":[],\"id\":\"\",\"prompt_filter_results\":[{\"prompt_index\":0}]}\r\n\r\n",
        "data: {\"service_tier\":\"on_demand\",\"choices\":[{\"delta\":{\"role\":\"x\",\"content\":\"a\"},\"finish_reason\":\"\"}]}\r\n\r\n",
        "data: {\"object\":7,\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"eos_token\"}],",
        "\"x_groq\":{\"usage\":{\"queue_time\":0.1,\"prompt_tokens\":2,\"completion_tokens\":1}}}\r\n\r\n",
        "data: [DONE]\r\n\r\n",
    ));
    let events = events(&at(&groq, OpenAiCompatible::groq())).await;
    let Some(StreamEvent::End(result)) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!(result.to_string(), "a");
    assert_eq!(result.generations[0][0].generation_info["finish_reason"], "eos_token");
    assert_eq!(result.llm_output.token_usage.total_tokens, 3);

    for (body, text) in [
        (json!({"choices": [{"message": {"content": "a"}}]}), "a"),
        (json!({"choices": [{"message": {"content": null, "refusal": "no"}, "finish_reason": 3}], "usage": null}), ""),
        (
            json!({"choices": [{"message": {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "t"}]},
            {"type": "text", "text": "b"}]}, "index": "x"}], "usage": {"prompt_tokens": "many"}, "service_tier": 1}),
            "b",
        ),
        (json!({"choices": [{"index": 1}, {"message": {}}], "timings": {}}), "[0][0] \n[0][1] "),
    ] {
        let server = Server::start(move |_| Reply::json(&body));
        let result = at(&server, OpenAiCompatible::llama_cpp()).agenerate(["Hi"]).await.unwrap();
        assert_eq!(result.to_string(), text);
    }
}

#[tokio::test]
async fn errors_of_every_shape() {
    let check = async |status: u16, body: &'static str, kind: ErrorKind, expected: &str| {
        let server = Server::start(move |_| Reply::status(status, body));
        let error = at(&server, OpenAiCompatible::vllm()).agenerate(["Hi"]).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().starts_with(&format!("vllm: {expected} [model m]")), "{error}");
    };
    let flat = r#"{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}"#;
    check(400, flat, ErrorKind::BadRequest, "status 400 (BadRequestError): too long").await;
    let loading = r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#;
    check(503, loading, ErrorKind::Server, "status 503 (unavailable_error): Loading model").await;
    let flex = r#"{"error":{"message":"no capacity","type":"capacity_exceeded"}}"#;
    check(498, flex, ErrorKind::Server, "status 498 (capacity_exceeded): no capacity").await;
    let page = "<html><head><title>502 Bad Gateway</title></head></html>";
    check(502, page, ErrorKind::Server, "status 502: an HTML page, \"502 Bad Gateway\"").await;
    check(500, "", ErrorKind::Server, "status 500 without an explanation").await;
}

#[tokio::test]
async fn the_simulator_answers_all_of_them() {
    let sim = sim().await;
    for llm in [OpenAiCompatible::vllm(), OpenAiCompatible::mistral(), OpenAiCompatible::groq()] {
        let llm = llm.base_url(format!("{}/v1", sim.base_url())).model("m").temperature(0.0).system("Be brief.");
        let whole = llm.agenerate(["Hello, how are you?"]).await.unwrap();
        let streamed = llm.astream("Hello, how are you?").await.unwrap().result().await.unwrap();
        assert_eq!(streamed.to_string(), whole.to_string());
    }
    let asked: Vec<Value> = sim.requests().iter().map(|it| it.body["stream_options"].clone()).collect();
    let usage = json!({"include_usage": true});
    assert_eq!(asked, [json!(null), usage.clone(), json!(null), json!(null), json!(null), usage]);
}

#[test]
fn models_by_name() {
    for (name, class) in [
        ("openai:gpt-6-luna", "ChatOpenAI"),
        ("gpt-6-luna", "ChatOpenAI"),
        ("anthropic:claude-haiku-4-5", "Anthropic"),
        ("claude-haiku-4-5", "Anthropic"),
        ("ollama:llama3.2:latest", "Ollama"),
        ("azure:my-deployment", "AzureChatOpenAI"),
        ("gemini:gemini-2.5-flash", "Gemini"),
        ("bedrock:us.amazon.nova-lite-v1:0", "Bedrock"),
        ("google:gemini-2.5-flash", "Gemini"),
        ("gemini-2.5-flash", "Gemini"),
        ("mistral:mistral-small", "OpenAiCompatible"),
        ("openrouter:vendor/name", "OpenAiCompatible"),
    ] {
        let llm = init(name).unwrap();
        let shown = format!("{llm:?}");
        let model = name.split_once(':').map_or(name, |(_, model)| model);
        assert!(shown.starts_with(class) && shown.contains(&format!("\"{model}\"")), "{name}: {shown}");
    }
    for name in ["somebody:something", "llama3.2:latest", "", "grok-x"] {
        let error = init(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("write `provider:model` with one of anthropic, "), "{error}");
    }
    assert_eq!(init("openai: ").unwrap_err().to_string(), "`name` has no model after the colon");
}
