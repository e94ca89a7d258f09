//! Connections: how many are opened, who waits, what closes them.

use std::time::{Duration, Instant};

use antiphon::connections::{self, Options};
use antiphon::{ChatOpenAI, ErrorKind, OpenAI};
use antiphon_sim::{Fault, Latency, Sim};
use futures::future::join_all;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::environment::in_child;
use crate::support::PATIENCE;

/// Longer than any test: whoever waits for an answer waits in vain.
const NEVER: Latency = Latency::Constant(Duration::from_hours(1));

fn http1(sim: &Sim) -> OpenAI {
    let llm = OpenAI::new().base_url(format!("{}/v1", sim.base_url())).model("m");
    llm.batch_size(1).timeout(PATIENCE).max_retries(0)
}

fn http2(sim: &Sim) -> OpenAI {
    http1(sim).http2_prior_knowledge(true)
}

async fn sim(latency: Latency, max_streams: u32) -> Sim {
    Sim::builder().latency(latency).max_streams(max_streams).start().await.unwrap()
}

/// Calls that are under way, each on a task.
fn start(llm: &OpenAI, calls: usize) -> JoinSet<()> {
    let mut running = JoinSet::new();
    for _ in 0..calls {
        let call = llm.agenerate(["Hi"]);
        running.spawn(async move { drop(call.await) });
    }
    running
}

/// A runtime for a test that sets options for its process.
fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn http2_opens_a_connection_for_every_full_one() {
    if in_child("connections::http2_opens_a_connection_for_every_full_one", &[]).is_some() {
        return;
    }
    connections::configure(Options::new().streams_per_connection(10));
    tokio_runtime().block_on(async {
        // All in flight at once, although a connection takes 10: no call waits for a stream.
        let sim = sim(NEVER, 10).await;
        let running = start(&http2(&sim), 95);
        sim.wait_until(|activity| activity.in_flight == 95).await;
        assert_eq!(sim.open_connections(), 10);
        assert_eq!((connections::stats().http2, connections::stats().http2_streams), (10, 95));
        drop(running);
        sim.wait_until(|activity| activity.in_flight == 0).await;
        // Streams end; connections stay and are used again.
        let running = start(&http2(&sim), 100);
        sim.wait_until(|activity| activity.in_flight == 100).await;
        assert!(sim.open_connections() <= 11, "{}", sim.open_connections());
        drop(running);
    });
}

#[test]
fn no_time_to_connect_is_refused_before_anything_is_sent() {
    if in_child("connections::no_time_to_connect_is_refused_before_anything_is_sent", &[]).is_some() {
        return;
    }
    connections::configure(Options::new().connect_timeout(Duration::ZERO));
    let error = OpenAI::new().base_url("http://127.0.0.1:9").generate(["a"]).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::InvalidInput, "`connect_timeout` must be longer than zero")
    );
}

/// Nobody has told it how many requests the server takes on a connection.
#[test]
fn http2_asks_the_server_how_much_a_connection_carries() {
    if in_child("connections::http2_asks_the_server_how_much_a_connection_carries", &[]).is_some() {
        return;
    }
    tokio_runtime().block_on(async {
        for (is_tls, before) in [(false, 0), (false, 1), (true, 0), (true, 1)] {
            let sim = Sim::builder().latency(NEVER).max_streams(10);
            let sim = if is_tls { sim.tls(true).unwrap() } else { sim };
            let sim = sim.start().await.unwrap();
            if let Some(certificate) = sim.certificate_pem() {
                connections::configure(Options::new().root_certificate(certificate).unwrap());
            }
            let llm = http1(&sim).http2_prior_knowledge(!is_tls);
            // All at once, or the others when the first has its connection.
            let first = start(&llm, before);
            sim.wait_until(|activity| activity.in_flight == before).await;
            let others = start(&llm, 95 - before);
            sim.wait_until(|activity| activity.in_flight == 95).await;
            sim.wait_until(|activity| activity.open_connections == 10).await;
            drop((first, others));
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn http2_carries_answers_streams_and_faults() {
    let sim = sim(Latency::None, 100).await;
    let llm = http2(&sim);
    let results = join_all((0..250).map(|number| llm.agenerate([format!("Question {number}")]))).await;
    for (number, result) in results.into_iter().enumerate() {
        assert!(result.unwrap().to_string().contains(&format!("Question {number}")));
    }
    let streamed = llm.astream("Hello, how are you?").await.unwrap().result().await.unwrap();
    assert!(streamed.llm_output.token_usage.output_tokens > 5);
    sim.inject(Fault::Pieces(1));
    llm.agenerate(["a"]).await.unwrap();
    sim.inject(Fault::CutAfter(600));
    let mut cut = llm.astream("Hello, how are you?").await.unwrap();
    let error = loop {
        if let Err(error) = cut.next().await.unwrap() {
            break error;
        }
    };
    assert!(error.is_truncated());
    sim.inject(Fault::Reset);
    assert_eq!(llm.agenerate(["a"]).await.unwrap_err().kind(), ErrorKind::Connection);
    llm.agenerate(["a"]).await.unwrap();
    // A large prompt needs more than a window.
    let result = llm.agenerate(["word ".repeat(2 << 20)]).await.unwrap();
    assert_eq!(result.llm_output.token_usage.input_tokens, (2 << 20) + 1);
}

/// As many connections as their streams take, and none that stands by.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_thousand_http2_calls_share_few_connections() {
    let sim = sim(Latency::Constant(Duration::from_millis(50)), 100).await;
    let llm = http2(&sim);
    let results = join_all((0..1_000).map(|number| llm.agenerate([format!("Question {number}")]))).await;
    for (number, result) in results.into_iter().enumerate() {
        let answer = result.unwrap().to_string();
        assert!(answer.contains(&format!("Question {number}\"")), "{answer}");
    }
    assert!((10..=11).contains(&sim.open_connections()), "{}", sim.open_connections());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_dropped_http2_stream_is_reset_and_the_connection_stays() {
    let sim = sim(Latency::None, 100).await;
    for _ in 0..3 {
        sim.inject(Fault::StallAfter(600));
        let stream = http2(&sim).astream("Hello, how are you?").await.unwrap();
        assert_eq!(sim.in_flight(), 1);
        drop(stream);
        sim.wait_until(|activity| activity.in_flight == 0).await;
    }
    assert_eq!(sim.open_connections(), 1);
}

/// Descriptors of this process, where it can know them.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Both ends of every connection are in this process, and so are their tasks.
#[test]
fn a_thousand_dropped_calls_leave_nothing_behind() {
    if in_child("connections::a_thousand_dropped_calls_leave_nothing_behind", &[]).is_some() {
        return;
    }
    tokio_runtime().block_on(async {
        let sim = sim(NEVER, 100).await;
        let drop_calls = async |llm: &OpenAI, calls: usize| {
            let running = start(llm, calls);
            sim.wait_until(|activity| activity.in_flight == calls).await;
            drop(running);
            sim.wait_until(|activity| activity.in_flight == 0).await;
        };
        // The first builds what the process keeps; of HTTP/2 that is a connection.
        drop_calls(&http1(&sim), 1).await;
        drop_calls(&http2(&sim), 1).await;
        sim.wait_until(|activity| activity.open_connections == 1).await;
        let count = || (descriptors(), Handle::current().metrics().num_alive_tasks());
        let before = count();
        drop_calls(&http1(&sim), 1_000).await;
        sim.wait_until(|activity| activity.open_connections == 1).await;
        // The last tasks are ending.
        let patience = Instant::now();
        while count().0 > before.0 || count().1 > before.1 {
            assert!(patience.elapsed() < PATIENCE, "{:?}, not {before:?}", count());
            tokio::task::yield_now().await;
        }
        drop_calls(&http2(&sim), 1_000).await;
        // Ten stay open for a while.
        sim.wait_until(|activity| activity.open_connections <= 10).await;
        assert!(count().0 <= before.0 + 2 * 9, "{:?}, not {before:?}", count());
        let stats = connections::stats();
        assert_eq!((stats.sockets, stats.http2_streams, stats.waiting), (0, 0, 0));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn idle_connections_are_reused() {
    let sim = sim(Latency::None, 100).await;
    let llm = http1(&sim);
    llm.warm_up(4).await.unwrap();
    // At most four: one that is free again by then serves two.
    let opened = sim.open_connections();
    assert!((1..=4).contains(&opened), "{opened}");
    for _ in 0..10 {
        llm.agenerate(["a"]).await.unwrap();
        sim.wait_until(|activity| activity.in_flight == 0).await;
    }
    assert!(sim.open_connections() <= 4, "{}", sim.open_connections());
    let sim = self::sim(Latency::None, 100).await;
    http2(&sim).warm_up(4).await.unwrap();
    sim.wait_until(|activity| activity.open_connections == 1).await;
}

/// In a process that starts no others: while one is started, it holds this one's sockets too.
#[test]
fn a_server_that_restarts_is_found_again() {
    if in_child("connections::a_server_that_restarts_is_found_again", &[]).is_some() {
        return;
    }
    tokio_runtime().block_on(restart());
}

async fn restart() {
    for http2 in [false, true] {
        // An address that nobody else's connections come from, so that its port stays free.
        let host = if cfg!(target_os = "linux") { "127.0.0.3:0" } else { "127.0.0.1:0" };
        let sim = Sim::builder().bind(host.parse().unwrap()).latency(Latency::None).start().await.unwrap();
        let addr = sim.addr();
        let llm = http1(&sim).http2_prior_knowledge(http2);
        llm.agenerate(["a"]).await.unwrap();
        sim.shutdown().await;
        let sim = Sim::builder().bind(addr).latency(Latency::None).start().await.unwrap();
        // No retry is needed: reqwest sends a request that was never sent on another connection.
        let mut failures = 0;
        while let Err(error) = llm.agenerate(["a"]).await {
            // The news of the closed connection may be on its way.
            assert_eq!(error.kind(), ErrorKind::Connection);
            failures += 1;
            assert!(failures < 2, "{error}");
        }
        drop(sim);
    }
}

#[test]
fn sockets_are_capped_and_calls_wait_in_turn() {
    if in_child("connections::sockets_are_capped_and_calls_wait_in_turn", &[]).is_some() {
        return;
    }
    connections::configure(Options::new().max_sockets(5));
    tokio_runtime().block_on(async {
        let sim = sim(Latency::Constant(Duration::from_millis(2)), 100).await;
        let llm = http1(&sim);
        // More than tokio lets a task do at once.
        let results = join_all((0..300).map(|number| llm.agenerate([number.to_string()]))).await;
        assert!(results.iter().all(Result::is_ok));
        assert!(sim.open_connections() <= 5);
        // First come, first served: the order of arrival is nearly the order of asking.
        let asked: Vec<usize> =
            sim.requests().iter().map(|it| it.body["prompt"].as_str().unwrap().parse().unwrap()).collect();
        for (place, number) in asked.iter().enumerate() {
            assert!(place.abs_diff(*number) <= 10, "{asked:?}");
        }
        assert_eq!((connections::stats().max_sockets, connections::stats().waiting), (5, 0));
        // The cap is the process's: another server's calls wait for these.
        let stalled = self::sim(NEVER, 100).await;
        let running = start(&http1(&stalled), 8);
        stalled.wait_until(|activity| activity.in_flight == 5).await;
        let other = self::sim(Latency::None, 100).await;
        let last = tokio::spawn(http1(&other).agenerate(["a"]));
        while connections::stats().waiting < 4 {
            tokio::task::yield_now().await;
        }
        assert_eq!((connections::stats().sockets, stalled.in_flight()), (5, 5));
        drop(running);
        last.await.unwrap().unwrap();
    });
}

#[test]
fn idle_connections_make_room_for_another_server() {
    if in_child("connections::idle_connections_make_room_for_another_server", &[]).is_some() {
        return;
    }
    connections::configure(Options::new().max_sockets(11));
    tokio_runtime().block_on(async {
        let [first, second] = [sim(NEVER, 100).await, sim(NEVER, 100).await];
        // Four calls at once need four connections.
        let latency = Latency::Constant(Duration::from_millis(50));
        let idle = [sim(latency, 100).await, sim(latency, 100).await];
        for sim in &idle {
            let _ = join_all((0..4).map(|_| http1(sim).agenerate(["a"]))).await;
            sim.wait_until(|activity| activity.in_flight == 0 && activity.open_connections == 4).await;
        }
        // Those of a quiet server go first; one that is read from keeps no idle ones open.
        idle[0].inject(Fault::StallAfter(300));
        let _stream = http1(&idle[0]).astream("a").await.unwrap();
        let _calls = start(&http1(&first), 5);
        first.wait_until(|activity| activity.in_flight == 5).await;
        idle[1].wait_until(|activity| activity.open_connections == 0).await;
        let _more = start(&http1(&second), 5);
        second.wait_until(|activity| activity.in_flight == 5).await;
        idle[0].wait_until(|activity| activity.open_connections == 1).await;
        assert_eq!((first.open_connections(), second.open_connections()), (5, 5));
    });
}

#[test]
fn http2_connections_are_capped_and_calls_wait() {
    if in_child("connections::http2_connections_are_capped_and_calls_wait", &[]).is_some() {
        return;
    }
    connections::configure(Options::new().max_http2_connections(2).streams_per_connection(5));
    tokio_runtime().block_on(async {
        let sim = sim(Latency::Constant(Duration::from_millis(2)), 5).await;
        let llm = http2(&sim);
        let results = join_all((0..100).map(|number| llm.agenerate([number.to_string()]))).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(sim.open_connections(), 2);
        assert_eq!((connections::stats().http2, connections::stats().waiting), (2, 0));
    });
}

/// Over TLS the first connection tells which protocol the server speaks.
#[test]
fn tls_negotiates_the_protocol() {
    if in_child("connections::tls_negotiates_the_protocol", &[]).is_some() {
        return;
    }
    tokio_runtime().block_on(async {
        for (http2, connections) in [(true, 10), (false, 95)] {
            let sim = Sim::builder().latency(NEVER).max_streams(10).tls(http2).unwrap().start().await.unwrap();
            let error = http1(&sim).agenerate(["a"]).await.unwrap_err();
            assert!(error.is_connect(), "{error}");
            assert!(error.to_string().contains("certificate"), "{error}");
            let trusting = Options::new().root_certificate(sim.certificate_pem().unwrap()).unwrap();
            connections::configure(trusting.streams_per_connection(10));
            let running = start(&http1(&sim), 95);
            sim.wait_until(|activity| activity.in_flight == 95).await;
            assert_eq!(sim.open_connections(), connections);
            drop(running);
            sim.wait_until(|activity| activity.in_flight == 0).await;
            connections::configure(Options::new());
        }
    });
}

#[test]
fn limits_may_be_as_long_as_time_is() {
    if in_child("connections::limits_may_be_as_long_as_time_is", &[]).is_some() {
        return;
    }
    let ever = Duration::MAX;
    connections::configure(Options::new().connect_timeout(ever).keep_idle(ever));
    tokio_runtime().block_on(async {
        let sim = sim(Latency::None, 100).await;
        for llm in [http1(&sim), http2(&sim)] {
            let llm = llm.timeout(ever).first_byte_timeout(ever).idle_timeout(ever);
            for _ in 0..2 {
                llm.agenerate(["a"]).await.unwrap();
                llm.astream("a").await.unwrap().result().await.unwrap();
            }
        }
    });
}

#[test]
fn options_are_checked() {
    let error = Options::new().root_certificate("no certificate").unwrap_err();
    assert_eq!(error.to_string(), "`root_certificate` is not a certificate in PEM format");
}

#[tokio::test]
async fn a_host_that_does_not_exist() {
    let llm = ChatOpenAI::new().base_url("http://nowhere.invalid/v1").max_retries(0).timeout(PATIENCE);
    let error = llm.agenerate(["a"]).await.unwrap_err();
    assert!(error.is_connect(), "{error}");
    assert!(error.to_string().starts_with("openai: cannot connect to nowhere.invalid: host name not found"), "{error}");
}
