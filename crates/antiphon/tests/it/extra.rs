//! Fields without a setter: every class sends them, whole and streamed, and shows their names only.

use antiphon::{
    Anthropic, AzureChatOpenAI, Bedrock, ChatOpenAI, ErrorKind, Gemini, Llm, Ollama, OpenAI, OpenAiCompatible,
    PromptLayerChatOpenAI, PromptLayerOpenAI,
};
use antiphon_sim::Sim;
use serde_json::{Value, json};

use crate::streams::{events, sim};
use crate::support::PATIENCE;

const HELLO: &str = "Hello, how are you?";

/// Every class with this field.
fn classes(sim: &Sim, field: &str, value: &Value) -> Vec<Box<dyn Llm>> {
    macro_rules! class {
        ($llm:expr) => {
            Box::new($llm.model("m").extra(field, value.clone()).timeout(PATIENCE).max_retries(0)) as Box<dyn Llm>
        };
    }
    let (base, v1) = (sim.base_url(), format!("{}/v1", sim.base_url()));
    vec![
        class!(OpenAI::new().base_url(&v1)),
        class!(ChatOpenAI::new().base_url(&v1)),
        class!(PromptLayerOpenAI::new().base_url(&v1).promptlayer_base_url(&base).return_pl_id(true)),
        class!(PromptLayerChatOpenAI::new().base_url(&v1).promptlayer_base_url(&base).return_pl_id(true)),
        class!(OpenAiCompatible::new(&v1)),
        class!(OpenAiCompatible::mistral().base_url(&v1)),
        class!(Anthropic::new().base_url(&base)),
        class!(Ollama::new().base_url(&base)),
        class!(AzureChatOpenAI::new("m").base_url(&base)),
        class!(Bedrock::new("m").base_url(&base)),
        class!(Gemini::new().base_url(&base)),
    ]
}

#[tokio::test]
async fn every_class_sends_it() {
    let sim = sim().await;
    let value = json!({"note": "hunter2"});
    let classes = classes(&sim, "labels", &value);
    for llm in &classes {
        llm.agenerate([HELLO]).await.unwrap();
        let (events, error) = events(&**llm).await;
        assert!(error.is_none(), "{llm:?}: {error:?}");
        assert!(events.len() > 5, "token by token: {events:?}");
        let shown = format!("{llm:?}");
        assert!(shown.contains("labels") && !shown.contains("hunter2"), "{shown}");
    }
    let (logs, asked): (Vec<_>, Vec<_>) = sim.requests().into_iter().partition(|it| it.path == "/track-request");
    assert_eq!((logs.len(), asked.len()), (4, 2 * classes.len()));
    for request in &asked {
        let is_bedrock = request.path.starts_with("/model/");
        let fields = if is_bedrock { &request.body["additionalModelRequestFields"] } else { &request.body };
        assert_eq!(fields["labels"], value, "{request:?}");
    }
    for log in &logs {
        assert_eq!(log.body["kwargs"]["labels"], value, "{log:?}");
    }
}

#[tokio::test]
async fn a_stream_is_not_a_field() {
    let sim = sim().await;
    for llm in classes(&sim, "stream", &json!(false)) {
        for error in [llm.agenerate([HELLO]).await.unwrap_err(), llm.astream(HELLO).await.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(error.to_string(), "`extra` must not have `stream`; `astream` asks for one");
        }
    }
    assert!(sim.requests().is_empty());
}

#[tokio::test]
async fn it_has_the_last_word() {
    let sim = sim().await;
    let (base, v1) = (sim.base_url(), format!("{}/v1", sim.base_url()));
    let body = || sim.requests().pop().unwrap().body;
    let texts = OpenAI::new().base_url(&v1).model("m").temperature(0.5).extra("temperature", 0.25).extra("top_k", 3);
    texts.agenerate(["a", "b"]).await.unwrap();
    assert_eq!((&body()["temperature"], &body()["top_k"]), (&json!(0.25), &json!(3)));

    let options = json!({"include_obfuscation": false});
    let chat = ChatOpenAI::new().base_url(&v1).model("m").extra("stream_options", options);
    chat.astream(HELLO).await.unwrap().result().await.unwrap();
    assert_eq!(body()["stream_options"], json!({"include_usage": true, "include_obfuscation": false}));
    assert_eq!(body()["stream"], true);

    let config = json!({"maxOutputTokens": 2, "responseMimeType": "text/plain"});
    let gemini = Gemini::new().base_url(&base).temperature(0.0).max_tokens(9).extra("generationConfig", config);
    let usage = gemini.agenerate([HELLO]).await.unwrap().llm_output.token_usage;
    let sent = json!({"temperature": 0.0, "maxOutputTokens": 2, "responseMimeType": "text/plain"});
    assert_eq!((usage.output_tokens, &body()["generationConfig"]), (2, &sent));
}
