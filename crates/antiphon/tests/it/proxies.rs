//! Servers that are reached through a proxy. The options are the process's, so each test has one of its own.

use std::sync::{Arc, Mutex};

use antiphon::OpenAI;
use antiphon::connections::{self, Options};
use antiphon_sim::{Latency, Sim};
use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::environment::in_child;
use crate::support::{Reply, Server, bodies};

const PASSWORD: &str = "pass-of-the-proxy";

/// An HTTP proxy that opens tunnels to one server, whatever is asked for.
struct Tunnels {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Tunnels {
    /// Opens tunnels to a port on this machine, or refuses all.
    async fn start(to: Option<u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(client.read_u8().await.unwrap());
                    }
                    seen.lock().unwrap().push(String::from_utf8(head).unwrap());
                    let Some(to) = to else {
                        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
                        return client.write_all(refusal).await.unwrap();
                    };
                    let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { port, heads }
    }

    fn url(&self) -> String {
        format!("http://user:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn llm() -> OpenAI {
    OpenAI::new().api_key("k").base_url("https://simulator.test/v1").max_retries(0)
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(test);
}

#[test]
fn tls_goes_through_a_tunnel() {
    if in_child("proxies::tls_goes_through_a_tunnel", &[]).is_some() {
        return;
    }
    run(async {
        let sim = Sim::builder().latency(Latency::None).tls(true).unwrap().start().await.unwrap();
        let proxy = Tunnels::start(Some(sim.addr().port())).await;
        let options = Options::new().root_certificate(sim.certificate_pem().unwrap()).unwrap();
        connections::configure(options.proxy(proxy.url()));
        let llm = llm();
        let answers = join_all((0..20).map(|_| llm.agenerate(["Hello"]))).await;
        assert!(answers.iter().all(Result::is_ok), "{:?}", answers.iter().find(|answer| answer.is_err()));
        let heads = proxy.heads();
        // One HTTP/2 connection carries them all, once it is known that the server speaks that.
        assert!((1..=20).contains(&heads.len()), "{heads:?}");
        for head in &heads {
            assert!(head.starts_with("CONNECT simulator.test:443 HTTP/1.1\r\n"), "{head}");
            assert!(head.to_lowercase().contains("\r\nproxy-authorization: basic "), "{head}");
            assert!(!head.contains("Bearer"), "the key is the server's: {head}");
        }
        sim.shutdown().await;
    });
}

#[test]
fn without_tls_the_proxy_passes_requests_on() {
    if in_child("proxies::without_tls_the_proxy_passes_requests_on", &[]).is_some() {
        return;
    }
    run(async {
        let proxy = Server::start(|request| {
            Reply::json(&bodies::completion(request)).header("content-type", "application/json")
        });
        let url = proxy.origin().replace("http://", &format!("http://user:{PASSWORD}@"));
        connections::configure(Options::new().proxy(url));
        let llm = llm().base_url("http://simulator.test/v1");
        assert_eq!(llm.agenerate(["Hello"]).await.unwrap().to_string(), "Hello 0");
        assert_eq!(llm.astream("Hello").await.unwrap().result().await.unwrap().to_string(), "Hello 0");
        let requests = proxy.requests();
        assert_eq!(requests.len(), 2);
        for request in requests {
            // The whole URL, by which the proxy knows the server.
            assert_eq!(request.path, "http://simulator.test/v1/completions");
            assert_eq!(request.header("host"), Some("simulator.test"));
            assert!(request.header("proxy-authorization").unwrap().starts_with("Basic "), "{request:?}");
            assert_eq!(request.header("authorization"), Some("Bearer k"));
        }
        // A server on this machine is reached directly.
        let server = Server::start(|request| Reply::json(&bodies::completion(request)));
        llm.base_url(server.url()).agenerate(["Hello"]).await.unwrap();
        assert_eq!(server.only_request().header("proxy-authorization"), None);
        assert_eq!(proxy.requests().len(), 2);
    });
}

#[test]
fn no_proxy_counts_before_the_environment() {
    let proxy = Server::start(|request| Reply::json(&bodies::completion(request)));
    let url = proxy.origin();
    let variables = [("HTTP_PROXY", url.as_str()), ("http_proxy", url.as_str())];
    if in_child("proxies::no_proxy_counts_before_the_environment", &variables).is_some() {
        // Only the first call came by.
        assert_eq!(proxy.only_request().path, "http://nowhere.invalid/v1/completions");
        return;
    }
    run(async {
        let llm = llm().base_url("http://nowhere.invalid/v1");
        assert_eq!(llm.agenerate(["Hello"]).await.unwrap().to_string(), "Hello 0");
        connections::configure(Options::new().no_proxy());
        let direct = llm.agenerate(["Hello"]).await.unwrap_err();
        assert!(direct.to_string().contains("host name not found"), "{direct}");
    });
}

#[test]
fn a_proxy_that_refuses_is_a_failed_connection() {
    if in_child("proxies::a_proxy_that_refuses_is_a_failed_connection", &[]).is_some() {
        return;
    }
    run(async {
        let proxy = Tunnels::start(None).await;
        connections::configure(Options::new().proxy(proxy.url()));
        let error = llm().agenerate(["Hello"]).await.unwrap_err();
        assert!(error.is_connect(), "{error}");
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains(PASSWORD), "{text}");
        }
        assert_eq!(proxy.heads().len(), 1);
    });
}

#[test]
fn what_is_no_proxy_is_refused() {
    if in_child("proxies::what_is_no_proxy_is_refused", &[]).is_some() {
        return;
    }
    run(async {
        connections::configure(Options::new().proxy(format!("nothing://user:{PASSWORD}@")));
        let error = llm().agenerate(["Hello"]).await.unwrap_err();
        assert!(error.to_string().contains("proxy"), "{error}");
        assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error:?}");
    });
}

#[test]
fn the_environment_names_servers_without_a_proxy() {
    let variables = [
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ("https_proxy", "http://127.0.0.1:9"),
        ("NO_PROXY", "other.test,nowhere.invalid"),
    ];
    if in_child("proxies::the_environment_names_servers_without_a_proxy", &variables).is_some() {
        return;
    }
    run(async {
        let direct = llm().base_url("https://nowhere.invalid/v1").agenerate(["Hello"]).await.unwrap_err();
        assert!(direct.to_string().contains("host name not found"), "{direct}");
        let refused = llm().agenerate(["Hello"]).await.unwrap_err();
        assert!(refused.is_connect(), "{refused}");
        assert!(!refused.to_string().contains("host name not found"), "{refused}");
    });
}
