//! Start, stop, and what a test can see of connections.

use std::{io::ErrorKind, time::Duration};

use antiphon_sim::{Latency, Sim};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{ask, client, get, quick};

/// Longer than any test: whoever waits for an answer waits in vain.
const NEVER: Latency = Latency::Constant(Duration::from_hours(1));

fn hello() -> serde_json::Value {
    json!({"model": "m", "prompt": "Hello, how are you?", "stream": true})
}

#[tokio::test]
async fn a_dropped_request_closes_its_connection() {
    let sim = Sim::builder().latency(NEVER).start().await.unwrap();
    let client = client();
    let request = client.post(format!("{}/v1/completions", sim.base_url())).json(&hello());
    let call = tokio::spawn(request.send());
    sim.wait_until(|activity| activity.received == 1).await;
    assert_eq!((sim.open_connections(), sim.in_flight()), (1, 1));
    call.abort();
    sim.wait_until(|activity| activity.open_connections == 0).await;
    assert_eq!(sim.in_flight(), 0);
}

#[tokio::test]
async fn a_dropped_stream_closes_its_connection() {
    let gap = Duration::from_hours(1);
    let sim = Sim::builder().latency(Latency::None).chunk_gap(gap).start().await.unwrap();
    let client = client();
    let request = client.post(format!("{}/v1/completions", sim.base_url())).json(&hello());
    let mut response = request.send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    assert_eq!((sim.open_connections(), sim.in_flight()), (1, 1));
    drop(response);
    sim.wait_until(|activity| activity.open_connections == 0 && activity.in_flight == 0).await;
}

#[tokio::test]
async fn idle_connections_are_kept_and_reused() {
    let sim = quick().await;
    let client = client();
    for _ in 0..3 {
        let response = client.get(format!("{}/health", sim.base_url())).send().await.unwrap();
        response.bytes().await.unwrap();
    }
    assert_eq!((sim.open_connections(), sim.in_flight(), sim.activity().received), (1, 0, 3));
}

#[tokio::test]
async fn shutdown_closes_idle_and_busy_connections() {
    let sim = Sim::builder().latency(NEVER).start().await.unwrap();
    let addr = sim.addr();
    let mut idle = TcpStream::connect(addr).await.unwrap();
    let request = client().post(format!("{}/v1/completions", sim.base_url())).json(&hello());
    let call = tokio::spawn(request.send());
    sim.wait_until(|activity| activity.open_connections == 2 && activity.in_flight == 1).await;
    sim.shutdown().await;
    assert!(call.await.unwrap().is_err());
    assert!(matches!(idle.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    assert_eq!(TcpStream::connect(addr).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn dropping_it_stops_it() {
    let sim = quick().await;
    let mut connection = TcpStream::connect(sim.addr()).await.unwrap();
    connection.write_all(b"GET /health HTTP/1.1\r\nhost: sim\r\n\r\n").await.unwrap();
    assert!(connection.read(&mut [0; 4096]).await.unwrap() > 0);
    drop(sim);
    assert!(matches!(connection.read(&mut [0; 4096]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn requests_are_recorded() {
    let sim = quick().await;
    let body = json!({"model": "m", "prompt": "Hi"});
    let request = client().post(format!("{}/v1/completions?key=secret", sim.base_url())).json(&body);
    request.bearer_auth("secret").header("openai-organization", "org").send().await.unwrap();
    get(&sim, "/health").await;
    let requests = sim.requests();
    let paths: Vec<_> = requests.iter().map(|request| (request.method.as_str(), request.path.as_str())).collect();
    assert_eq!(paths, [("POST", "/v1/completions"), ("GET", "/health")]);
    assert_eq!((&requests[0].body, &requests[0].key_in), (&body, &vec!["authorization", "query"]));
    assert!(requests[0].headers.contains(&("openai-organization", "org".to_owned())));
    assert!(!format!("{requests:?}").contains("secret"));
}

#[tokio::test]
async fn remote_addresses_need_permission() {
    let addr = "0.0.0.0:0".parse().unwrap();
    let error = Sim::builder().bind(addr).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        error.to_string(),
        "cannot listen on 0.0.0.0:0: other machines can reach this address, and the simulator lets everyone in; use a \
         loopback address such as 127.0.0.1, or allow remote clients explicitly"
    );
    let sim = Sim::builder().bind(addr).allow_remote(true).latency(Latency::None).start().await.unwrap();
    assert_eq!(sim.base_url(), format!("http://127.0.0.1:{}", sim.addr().port()));
    ask(&sim, "/v1/completions", &json!({"model": "m"})).await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let sim = quick().await;
    let error = Sim::builder().bind(sim.addr()).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let expected = format!("cannot listen on {}; use another port, or port 0 for any free one", sim.addr());
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn env_points_clients_at_it() {
    let sim = quick().await;
    let base_url = sim.base_url();
    let simulated = "simulated".to_owned();
    assert_eq!(
        sim.env(),
        [
            ("OPENAI_BASE_URL", format!("{base_url}/v1")),
            ("OPENAI_API_BASE", format!("{base_url}/v1")),
            ("AZURE_OPENAI_ENDPOINT", base_url.clone()),
            ("ANTHROPIC_BASE_URL", base_url.clone()),
            ("GOOGLE_GEMINI_BASE_URL", base_url.clone()),
            ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", base_url.clone()),
            ("OLLAMA_HOST", base_url.clone()),
            ("PROMPTLAYER_BASE_URL", base_url.clone()),
            ("URL_API_PROMPTLAYER", base_url),
            ("OPENAI_API_KEY", simulated.clone()),
            ("AZURE_OPENAI_API_KEY", simulated.clone()),
            ("ANTHROPIC_API_KEY", simulated.clone()),
            ("GEMINI_API_KEY", simulated.clone()),
            ("AWS_BEARER_TOKEN_BEDROCK", simulated.clone()),
            ("PROMPTLAYER_API_KEY", simulated),
        ]
    );
}
