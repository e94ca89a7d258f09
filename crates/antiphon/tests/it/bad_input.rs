//! What is refused before anything is sent, and what only looks odd.

use std::time::Duration;

use antiphon::{
    Anthropic, AzureChatOpenAI, Bedrock, ChatOpenAI, Error, ErrorKind, Fallback, Gemini, Hedged, Llm, LlmResult,
    Message, Ollama, OpenAI, OpenAiCompatible, Prompt, PromptLayerChatOpenAI, PromptLayerOpenAI, PromptResults,
    SingleFlight,
};
use antiphon_sim::{Latency, Sim};

use crate::streams::sim;
use crate::support::{PATIENCE, Reply, Server, bodies, every_class};

fn local() -> OpenAI {
    // Nothing listens there: whatever is sent fails with another kind of error.
    OpenAI::new().base_url("http://127.0.0.1:9/v1").api_key("k").max_retries(0)
}

fn check(result: Result<LlmResult, Error>, expected: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(error.to_string(), expected);
    assert!(!error.is_retryable());
}

#[test]
fn settings_out_of_range() {
    let check = |llm: OpenAI, expected: &str| check(llm.generate(["a"]), expected);
    check(local().n(0), "`n` must be at least 1");
    check(local().temperature(2.1), "`temperature` must be between 0 and 2, not 2.1");
    check(local().temperature(f64::NAN), "`temperature` must be between 0 and 2, not NaN");
    check(local().temperature(f64::INFINITY), "`temperature` must be between 0 and 2, not inf");
    check(local().top_p(-0.1), "`top_p` must be between 0 and 1, not -0.1");
    check(local().frequency_penalty(3.0), "`frequency_penalty` must be between -2 and 2, not 3");
    check(local().presence_penalty(3.0), "`presence_penalty` must be between -2 and 2, not 3");
    check(local().logit_bias([(1, 101.0)]), "`logit_bias` must be between -100 and 100, not 101");
    check(local().max_tokens(0), "`max_tokens` must be at least 1");
    check(local().n(3).best_of(2), "`best_of` must be at least n (3), not 2");
    check(local().batch_size(0), "`batch_size` must be at least 1");
    check(local().model(" "), "`model` must not be empty");
    check(local().timeout(Duration::ZERO), "`timeout` must be longer than zero");
}

#[test]
fn anthropics_settings_out_of_range() {
    let local = || Anthropic::new().base_url("http://127.0.0.1:9").api_key("k");
    check(local().temperature(1.1).generate(["a"]), "`temperature` must be between 0 and 1, not 1.1");
    check(local().n(0).generate(["a"]), "`n` must be at least 1");
    check(local().n(u32::MAX).generate(["a"]), "`n` must be at most 1000, not 4294967295");
    check(local().max_tokens(0).generate(["a"]), "`max_tokens` must be at least 1");
    check(local().api_key("k\n").generate(["a"]), BROKEN_KEY);
    check(local().generate([[Message::user("a")], [Message::system("s")]]), "prompt 1 has system messages only");
}

#[test]
fn ollamas_settings_out_of_range() {
    let local = || Ollama::new().base_url("http://127.0.0.1:9");
    check(local().temperature(-0.1).generate(["a"]), "`temperature` must be between 0 and 2, not -0.1");
    check(local().top_p(1.1).generate(["a"]), "`top_p` must be between 0 and 1, not 1.1");
    check(local().n(0).generate(["a"]), "`n` must be at least 1");
    check(local().n(1_001).generate(["a"]), "`n` must be at most 1000, not 1001");
    check(local().max_tokens(0).generate(["a"]), "`max_tokens` must be at least 1");
    check(local().num_ctx(0).generate(["a"]), "`num_ctx` must be at least 1");
    check(local().model("").generate(["a"]), "`model` must not be empty");
    check(local().api_key("k\n").generate(["a"]), BROKEN_KEY);
    let no_scheme = "`base_url` has no scheme: write http:// or https:// before localhost:11434";
    check(local().base_url("localhost:11434").generate(["a"]), no_scheme);
}

/// As one call of it says, so do all others.
#[test]
fn every_kind_of_call_refuses_the_same() {
    let expected = "`n` must be at least 1";
    let made_of_models: [Box<dyn Llm>; 3] = [
        Box::new(Fallback::new(local().n(0)).or(local())),
        Box::new(Hedged::new(local().n(0))),
        Box::new(SingleFlight::new(local().temperature(0.0).n(0))),
    ];
    let classes = every_class!("http://127.0.0.1:9".to_owned(), n(0), max_retries(0));
    for llm in classes.into_iter().chain(made_of_models) {
        check(llm.generate(["a"]), expected);
        check(llm.generate_each(["a"]).map(|_| unreachable!()), expected);
        check(llm.stream("a").map(|_| unreachable!()), expected);
        check(llm.batch(["a"]).next().unwrap().result, expected);
        // Without prompts, too: it is the settings that are wrong.
        check(llm.generate(Vec::<String>::new()), expected);
    }
}

const BROKEN_KEY: &str = "`api_key` holds a line break or another character that cannot be sent; \
                          was it copied with more than the key?";

#[test]
fn broken_urls_and_keys() {
    let check = |llm: OpenAI, expected: &str| check(llm.generate(["a"]), expected);
    check(
        local().base_url("127.0.0.1:9/v1"),
        "`base_url` has no scheme: write http:// or https:// before 127.0.0.1:9/v1",
    );
    check(local().base_url(""), "`base_url` has no scheme: write http:// or https:// before ");
    check(local().base_url("file:///etc"), "`base_url` has scheme file, not http or https");
    check(local().api_key("sk-1\nsk-2"), BROKEN_KEY);
    check(
        local().organization("o\n"),
        "`organization` holds a line break or another character that cannot be sent; \
         was it copied with more than the key?",
    );
}

#[test]
fn conversations_where_there_can_be_none() {
    check(
        local().generate([Prompt::from("a"), Prompt::from([Message::user("b")])]),
        "prompt 1 is a conversation, which `ChatOpenAI` takes",
    );
    let chat = ChatOpenAI::new().base_url("http://127.0.0.1:9/v1");
    check(chat.generate([Vec::<Message>::new()]), "prompt 0 is a conversation without messages");
}

#[test]
fn no_prompts_no_request() {
    let none = Vec::<String>::new;
    for result in [
        OpenAI::new().model("m").generate(none()),
        ChatOpenAI::new().model("m").generate(none()),
        Anthropic::new().model("m").generate(none()),
        Ollama::new().model("m").generate(none()),
        OpenAiCompatible::groq().model("m").generate(none()),
        AzureChatOpenAI::new("m").generate(none()),
        Bedrock::new("m").generate(none()),
        Gemini::new().model("m").generate(none()),
        PromptLayerOpenAI::new().model("m").generate(none()),
        PromptLayerChatOpenAI::new().model("m").generate(none()),
        Fallback::new(OpenAI::new().model("m")).or(Ollama::new()).generate(none()),
        Hedged::new(OpenAI::new().model("m")).generate(none()),
        SingleFlight::new(OpenAI::new().model("m").temperature(0.0)).generate(none()),
        OpenAI::new().model("m").generate_each(none()).and_then(PromptResults::into_result),
        Fallback::new(OpenAI::new().model("m")).generate_each(none()).and_then(PromptResults::into_result),
    ] {
        let result = result.unwrap();
        assert_eq!(result.generations, Vec::<Vec<_>>::new());
        assert_eq!(result.llm_output.model_name, "m");
        assert_eq!(result.to_string(), "");
    }
}

#[test]
fn empty_prompts_and_missing_keys_are_the_servers_business() {
    let server = Server::start(|request| Reply::json(&bodies::completion(request)));
    let llm = OpenAI::new().base_url(server.url()).api_key("").model("m");
    assert_eq!(llm.generate([""]).unwrap().generations[0][0].text, " 0");
    assert_eq!(server.only_request().body["prompt"], "");
}

/// No odder than what users call their models.
#[tokio::test]
async fn empty_prompts_and_odd_names_reach_every_server() {
    let sim = sim().await;
    for llm in every_class!(sim.base_url(), model("a model with spaces"), timeout(PATIENCE), max_retries(0)) {
        let before = sim.activity().received;
        // Some servers refuse an empty prompt.
        if let Err(error) = llm.agenerate([""]).await {
            assert_eq!(error.kind(), ErrorKind::BadRequest, "{error}");
        }
        assert!(sim.activity().received > before, "{llm:?}");
        let result = llm.agenerate(["Hi"]).await.unwrap();
        assert_eq!(result.llm_output.model_name, "a model with spaces");
        let requests = sim.requests();
        let asked = requests.iter().rfind(|request| request.path != "/track-request").unwrap();
        let names = [asked.body["model"].as_str().unwrap_or_default().to_owned(), asked.path.replace("%20", " ")];
        assert!(names.iter().any(|name| name.contains("a model with spaces")), "{asked:?}");
    }
}

#[tokio::test]
async fn prompts_of_ten_megabytes_reach_every_server() {
    // Limits that are reported would be used up at once.
    let sim = Sim::builder().latency(Latency::None).report_limits(false).start().await.unwrap();
    let prompt = "word ".repeat(2 << 20);
    for llm in every_class!(sim.base_url(), timeout(PATIENCE), max_retries(0)) {
        let result = llm.agenerate([prompt.as_str()]).await.unwrap();
        assert!(result.llm_output.token_usage.input_tokens >= 2 << 20, "{llm:?}");
    }
    // More than the server takes is its error, and asked once.
    let before = sim.activity().received;
    let llm = ChatOpenAI::new().base_url(format!("{}/v1", sim.base_url())).timeout(PATIENCE);
    let error = llm.agenerate([prompt.repeat(4)]).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::BadRequest, Some(413)));
    assert_eq!(sim.activity().received, before + 1);
}

/// Whatever a server makes up: no panic, no retry, and an error that says so, or as much of an answer as there is.
#[tokio::test]
async fn answers_that_lie_about_their_shape() {
    let bodies = [
        "7",
        "null",
        "[]",
        "\"text\"",
        "{}",
        r#"{"choices":{},"content":{},"message":[]}"#,
        r#"{"choices":[],"content":"text","message":"text"}"#,
        r#"{"choices":[7],"content":[7],"message":{},"usage":[]}"#,
        r#"{"choices":[{"text":7,"message":7,"index":-1}],"content":[{"type":"text","text":7}],"message":{"content":7}}"#,
        r#"{"choices":[{"index":18446744073709551615}],"usage":{"prompt_tokens":-1,"total_tokens":"x"},"model":7}"#,
        r#"{"candidates":{},"output":{"message":[]}}"#,
        r#"{"candidates":[7],"output":{"message":{"content":[7]}}}"#,
        r#"{"candidates":[{"content":{"parts":{}},"index":-1}],"output":{"message":{"content":[{"text":7}]}},"usage":[]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":7},7]}}],"usageMetadata":{"promptTokenCount":-1},"modelVersion":7}"#,
        r#"{"error":7}"#,
        r#"{"error":{"code":99999999999,"message":7,"type":[]}}"#,
        r#"{"choices":"#,
    ];
    for body in bodies {
        let server = Server::start(move |_| Reply::status(200, body).header("content-type", "application/json"));
        for llm in every_class!(server.origin(), timeout(PATIENCE), max_retries(5)) {
            match llm.agenerate(["a"]).await {
                // The shape is right, but for details.
                Ok(result) => {
                    assert_eq!(result.generations[0][0].text, "", "{body}");
                    let parts = [r#""content":["#, r#""message":{"#, r#"{"index":1"#, r#""candidates":["#];
                    assert!(parts.iter().any(|part| body.contains(part)), "{body}: {result:?}");
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::UnexpectedResponse, "{body}: {error}"),
            }
        }
        let asked = server.requests().iter().filter(|request| request.path != "/track-request").count();
        assert_eq!(asked, 10, "{body}");
        for llm in every_class!(server.origin(), timeout(PATIENCE), max_retries(0)) {
            if let Err(error) = async { llm.astream("a").await?.result().await }.await {
                // A line with an error is one, whatever it says.
                let is_error = body.contains("error") && error.kind() == ErrorKind::Server;
                let is_of_shape = error.kind() == ErrorKind::UnexpectedResponse || error.is_truncated();
                assert!(is_of_shape || is_error, "{body}: {error}");
            }
        }
    }
}
