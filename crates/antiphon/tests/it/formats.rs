//! What every wire format has to stand, class by class: splits anywhere, pages in place of answers, refusals.

use antiphon::{Anthropic, AnthropicVersion, AzureChatOpenAI, Bedrock, ErrorKind, Gemini, Llm};
use antiphon_sim::{ErrorAnswer, Fault, Sim};

use crate::streams::{check, classes, events, sim, text};
use crate::support::PATIENCE;

const HELLO: &str = "Hello, how are you?";

/// A short answer of each of the formats that came after the first four.
fn short(sim: &Sim) -> Vec<Box<dyn Llm>> {
    let base = sim.base_url();
    let anthropic = Anthropic::new().base_url(&base).model("m").temperature(0.0).max_tokens(2);
    let anthropic = anthropic.timeout(PATIENCE).max_retries(0);
    let gemini = Gemini::new().model("m").temperature(0.0).max_tokens(2).timeout(PATIENCE).max_retries(0);
    vec![
        Box::new(
            AzureChatOpenAI::new("m").base_url(&base).temperature(0.0).max_tokens(2).timeout(PATIENCE).max_retries(0),
        ),
        Box::new(Bedrock::new("m").base_url(&base).temperature(0.0).max_tokens(2).timeout(PATIENCE).max_retries(0)),
        Box::new(gemini.clone().base_url(&base)),
        // The simulator takes the first word, and so answers by an array.
        Box::new(gemini.base_url(format!("{base}?alt=json"))),
        Box::new(anthropic.clone().text_completions(AnthropicVersion::V2023_01_01)),
        Box::new(anthropic.text_completions(AnthropicVersion::V2023_06_01)),
    ]
}

#[tokio::test]
async fn streams_split_at_every_byte() {
    let sim = sim().await;
    for llm in short(&sim) {
        let whole = llm.agenerate([HELLO]).await.unwrap();
        // More than any of these streams has: the last ones come whole.
        for size in 1..2_500 {
            sim.inject(Fault::Pieces(size));
            let (events, error) = events(&*llm).await;
            assert!(error.is_none(), "{llm:?} {size}: {error:?}");
            check(&events, &whole);
        }
    }
}

#[tokio::test]
async fn streams_cut_at_every_byte() {
    let sim = sim().await;
    for llm in short(&sim) {
        let whole = llm.agenerate([HELLO]).await.unwrap();
        let mut length = 0;
        let whole_at = loop {
            sim.inject(Fault::CutAfter(length));
            match events(&*llm).await {
                (events, None) => {
                    // Bedrock says that the answer is whole before it says how many tokens it has.
                    assert_eq!(text(&events), whole.to_string());
                    break length;
                }
                (_, Some(error)) => assert!(error.is_truncated(), "{llm:?} {length}: {error:?}"),
            }
            length += 1;
        };
        assert!(whole_at > 400, "{llm:?} {whole_at}");
    }
}

#[tokio::test]
async fn pages_and_empty_bodies() {
    let sim = sim().await;
    let page = |status: u16, body: &str| Fault::Page { status, body: body.to_owned() };
    for llm in classes(&sim) {
        for is_stream in [false, true] {
            let ask = async |fault: Fault| {
                sim.inject(fault);
                if is_stream { events(&*llm).await.1.unwrap() } else { llm.agenerate([HELLO]).await.unwrap_err() }
            };
            let error = ask(page(502, "<html><title>502 Bad Gateway</title></html>")).await;
            assert_eq!((error.kind(), error.status()), (ErrorKind::Server, Some(502)), "{llm:?}");
            assert!(error.to_string().contains("an HTML page, \"502 Bad Gateway\""), "{error}");
            for body in ["", "<html><title>Sign in</title></html>"] {
                let error = ask(page(200, body)).await;
                let kinds: &[_] = if is_stream {
                    &[ErrorKind::Connection, ErrorKind::UnexpectedResponse]
                } else {
                    &[ErrorKind::UnexpectedResponse]
                };
                assert!(kinds.contains(&error.kind()), "{llm:?}: {error:?}");
            }
        }
    }
}

#[tokio::test]
async fn refusals_have_their_kinds() {
    let sim = sim().await;
    for llm in classes(&sim) {
        for is_stream in [false, true] {
            for (status, kind) in [
                (400, ErrorKind::BadRequest),
                (401, ErrorKind::Authentication),
                (403, ErrorKind::PermissionDenied),
                (404, ErrorKind::NotFound),
                (429, ErrorKind::RateLimited),
                (500, ErrorKind::Server),
                (503, ErrorKind::Server),
            ] {
                let error = ErrorAnswer::new(status, "odd_type", "no").with_header("retry-after-ms", "1");
                sim.inject(Fault::Error(error));
                let error =
                    if is_stream { events(&*llm).await.1.unwrap() } else { llm.agenerate([HELLO]).await.unwrap_err() };
                assert_eq!((error.kind(), error.status()), (kind, Some(status)), "{llm:?}");
                assert_eq!((error.message(), error.retry_after().unwrap().as_millis()), (Some("no"), 1), "{llm:?}");
            }
        }
    }
}
