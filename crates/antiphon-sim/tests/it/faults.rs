//! What can be made to go wrong, as a plain client sees it.

use antiphon_sim::{ErrorAnswer, Fault};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{ask, client, post, quick};

fn body(stream: bool) -> Value {
    json!({"model": "m", "prompt": "Hello, how are you?", "stream": stream, "temperature": 0})
}

const PATH: &str = "/v1/completions";

#[tokio::test]
async fn errors_come_in_the_providers_shape_and_in_order() {
    let sim = quick().await;
    sim.inject(Fault::Error(ErrorAnswer::rate_limited(Some(std::time::Duration::from_millis(30)))));
    sim.inject_none();
    sim.inject(Fault::Error(ErrorAnswer::insufficient_quota().with_header("x-should-retry", "false")));
    let limited = post(&sim, PATH, &body(false)).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.header("retry-after-ms"), "30");
    let message = "Rate limit reached for requests.";
    let expected = json!({"error": {
        "message": message, "type": "requests", "param": null, "code": "rate_limit_exceeded",
    }});
    assert_eq!(limited.json(), expected);
    assert_eq!(post(&sim, PATH, &body(false)).await.status, StatusCode::OK);
    let quota = post(&sim, PATH, &body(false)).await;
    assert_eq!(quota.json()["error"]["code"], "insufficient_quota");
    assert_eq!(quota.header("x-should-retry"), "false");
    // A request that is refused takes no fault.
    sim.inject(Fault::Page { status: 502, body: "<html><title>Bad Gateway</title></html>".to_owned() });
    assert_eq!(post(&sim, PATH, &json!({})).await.status, StatusCode::BAD_REQUEST);
    let page = post(&sim, PATH, &body(false)).await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::BAD_GATEWAY, "text/html; charset=utf-8"));
}

#[tokio::test]
async fn streams_are_cut_split_and_spoilt() {
    let sim = quick().await;
    let whole = post(&sim, PATH, &body(true)).await.text;
    let texts = |stream: &str| {
        let events = stream.split("\n\n").filter_map(|it| it.strip_prefix("data: {"));
        let texts = events.map(|it| serde_json::from_str::<Value>(&format!("{{{it}")).unwrap());
        texts.map(|it| it["choices"][0]["text"].as_str().unwrap().to_owned()).collect::<String>()
    };
    for size in [1, 3, 1_000_000] {
        sim.inject(Fault::Pieces(size));
        assert_eq!(texts(&post(&sim, PATH, &body(true)).await.text), texts(&whole));
    }
    for length in [0, 1, 100, 500] {
        sim.inject(Fault::CutAfter(length));
        assert_eq!(post(&sim, PATH, &body(true)).await.text.len(), length);
    }
    sim.inject(Fault::Event { number: 1, text: "data: nonsense\n\n".to_owned() });
    assert!(post(&sim, PATH, &body(true)).await.text.ends_with("}\n\ndata: nonsense\n\n"));
}

#[tokio::test]
async fn connections_break() {
    let sim = quick().await;
    let send = async |stream: bool| {
        let url = format!("{}{PATH}", sim.base_url());
        client().post(url).json(&body(stream)).send().await?.bytes().await
    };
    let is_reset = |error: &reqwest::Error| {
        let mut causes = std::iter::successors(std::error::Error::source(error), |it| it.source());
        causes.any(|it| {
            it.downcast_ref::<std::io::Error>().is_some_and(|it| it.kind() == std::io::ErrorKind::ConnectionReset)
        })
    };
    sim.inject(Fault::Reset);
    assert!(is_reset(&send(false).await.unwrap_err()));
    sim.inject(Fault::ResetAfter(300));
    assert!(is_reset(&send(true).await.unwrap_err()));
    sim.inject(Fault::WrongLength(10));
    assert!(send(false).await.is_err());
    ask(&sim, PATH, &body(false)).await;
    sim.wait_until(|activity| activity.in_flight == 0).await;
}
