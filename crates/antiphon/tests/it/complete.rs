//! `Anthropic` with text completions: what it sends, and how the streams of both versions end.

use antiphon::{Anthropic, AnthropicVersion, ErrorKind, FinishReason, Message, Prompt};
use antiphon_sim::{Fault, Sim};
use serde_json::json;

use crate::streams::{events, sim, text};
use crate::support::{PATIENCE, Reply, Server};

const VERSIONS: [(AnthropicVersion, &str); 2] =
    [(AnthropicVersion::V2023_01_01, "2023-01-01"), (AnthropicVersion::V2023_06_01, "2023-06-01")];

fn at(base_url: &str, version: AnthropicVersion) -> Anthropic {
    Anthropic::new().base_url(base_url).model("m").text_completions(version).timeout(PATIENCE).max_retries(0)
}

fn stream(body: &str) -> Server {
    let body = body.to_owned();
    Server::start(move |_| Reply::status(200, body.clone()).header("content-type", "text/event-stream"))
}

fn last_request(sim: &Sim) -> antiphon_sim::RecordedRequest {
    sim.requests().pop().unwrap()
}

#[tokio::test]
async fn sends_what_was_set_and_nothing_else() {
    let sim = sim().await;
    for (version, header) in VERSIONS {
        let llm = at(&sim.base_url(), version);
        let prompt = "\n\nHuman: Hi\n\nAssistant:";
        llm.agenerate(["Hi"]).await.unwrap();
        let request = last_request(&sim);
        assert_eq!(request.path, "/v1/complete");
        assert!(request.headers.contains(&("anthropic-version", header.to_owned())), "{request:?}");
        assert_eq!(request.body, json!({"model": "m", "prompt": prompt, "max_tokens_to_sample": 1024}));
        llm.astream(prompt).await.unwrap().result().await.unwrap();
        let asked = json!({"model": "m", "prompt": prompt, "max_tokens_to_sample": 1024, "stream": true});
        assert_eq!(last_request(&sim).body, asked);

        let stops = vec!["X".to_owned()];
        let llm = llm.stop(&stops).temperature(0.5).top_p(0.9).top_k(3).max_tokens(7).n(2).system("Be brief.");
        let talk = Prompt::from([Message::user("u"), Message::assistant("a"), Message::user("v")]);
        let result = llm.agenerate([talk]).await.unwrap();
        assert_eq!(result.generations[0].len(), 2);
        assert_eq!(
            last_request(&sim).body,
            json!({
                "model": "m", "max_tokens_to_sample": 7, "stop_sequences": ["X"],
                "temperature": 0.5, "top_p": 0.9, "top_k": 3,
                "prompt": "\n\nHuman: Be brief.\n\nu\n\nAssistant: a\n\nHuman: v\n\nAssistant:",
            })
        );
        assert_eq!(stops, ["X"]);
    }
    let error = at(&sim.base_url(), VERSIONS[0].0).agenerate([[Message::system("s")]]).await.unwrap_err();
    assert_eq!(error.to_string(), "prompt 0 has system messages only");
    let llm = Anthropic::new().base_url(sim.base_url()).text_completions(VERSIONS[0].0);
    llm.agenerate(["Hi"]).await.unwrap();
    assert_eq!(last_request(&sim).body["model"], "claude-2.1");
}

#[tokio::test]
async fn an_answer_says_why_it_ends() {
    let sim = sim().await;
    for (version, _) in VERSIONS {
        let llm = at(&sim.base_url(), version).temperature(0.0);
        let whole = llm.agenerate(["Hi"]).await.unwrap();
        let cut = llm.max_tokens(2).agenerate(["Hi"]).await.unwrap();
        let (whole, cut) = (&whole.generations[0][0], &cut.generations[0][0]);
        assert!(whole.text.starts_with(&cut.text) && cut.text.starts_with(' '), "{whole:?} {cut:?}");
        assert_eq!(whole.finish_reason(), Some(FinishReason::Stop));
        assert_eq!(whole.generation_info["stop_sequence"], "\n\nHuman:");
        assert_eq!(cut.finish_reason(), Some(FinishReason::Length));
        assert!(!cut.generation_info.contains_key("stop_sequence"), "{cut:?}");
    }
}

#[tokio::test]
async fn errors_in_the_middle_of_a_stream() {
    let sim = sim().await;
    for (version, _) in VERSIONS {
        let error = async |event: &str| {
            sim.inject(Fault::Event { number: 4, text: event.to_owned() });
            let (found, error) = events(&at(&sim.base_url(), version)).await;
            assert!(!text(&found).is_empty(), "{version:?}: {found:?}");
            error.unwrap()
        };
        // Without `type`, as this endpoint sends it.
        let overloaded = r#"{"error":{"type":"overloaded_error","message":"Hello, how are you? is too much"}}"#;
        let found = error(&format!("event: error\ndata: {overloaded}\n\n")).await;
        assert_eq!((found.kind(), found.status()), (ErrorKind::Server, Some(529)), "{version:?}");
        assert_eq!(found.message(), Some("[prompt] is too much"));
        for odd in ["event: error\ndata: {}\n\n", "data: no JSON\n\n"] {
            assert_eq!(error(odd).await.kind(), ErrorKind::UnexpectedResponse, "{version:?} {odd}");
        }
        // All is there but the end marker.
        assert!(error("event: unheard_of\ndata: {\"type\":\"unheard_of\"}\n\n").await.is_truncated(), "{version:?}");
    }
}

#[tokio::test]
async fn each_version_has_its_end_marker() {
    let first = "data: {\"completion\":\" a\",\"stop_reason\":null,\"model\":\"m2\"}\n\n";
    let last = "data: {\"completion\":\" ab\",\"stop_reason\":\"stop_sequence\",\"stop\":\"X\",\"model\":\"m2\"}\n\n";
    let [cumulative, incremental] = VERSIONS.map(|(version, _)| version);

    let server = stream(&format!("{first}{last}"));
    let (found, error) = events(&at(&server.url(), cumulative)).await;
    assert_eq!(text(&found), " ab");
    assert!(error.unwrap().is_truncated());

    let server = stream(&format!("{first}{last}data: [DONE]\n\n"));
    let result = at(&server.url(), cumulative).astream("Hi").await.unwrap().result().await.unwrap();
    let info = &result.generations[0][0].generation_info;
    assert_eq!(result.generations[0][0].text, " ab");
    assert_eq!((&info["stop_sequence"], &info["response_model"]), (&json!("X"), &json!("m2")));

    // The same events say more where each has what is new, and the stop reason is the end.
    let server = stream(&format!("{first}{last}"));
    let result = at(&server.url(), incremental).astream("Hi").await.unwrap().result().await.unwrap();
    assert_eq!(result.generations[0][0].text, " a ab");
    let server = stream(first);
    assert!(events(&at(&server.url(), incremental)).await.1.unwrap().is_truncated());
}

#[tokio::test]
async fn what_was_said_cannot_be_taken_back() {
    let server = stream("data: {\"completion\":\" ab\"}\n\ndata: {\"completion\":\" ac\"}\n\ndata: [DONE]\n\n");
    let (found, error) = events(&at(&server.url(), AnthropicVersion::V2023_01_01)).await;
    assert_eq!(text(&found), " ab");
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
    assert!(error.to_string().contains("has an event that takes back what those before it said"), "{error}");
}
