//! One client, several runtimes.

use std::net::TcpListener;
use std::thread;

use antiphon::{ErrorKind, OpenAI, connections};
use antiphon_sim::Fault;
use tokio::runtime::Builder;

use crate::environment::in_child;
use crate::support::{PATIENCE, Reply, Server, bodies};

fn server() -> Server {
    Server::start(|request| Reply::json(&bodies::completion(request)))
}

fn llm(server: &Server) -> OpenAI {
    // No retries: a connection of a runtime that is gone must not even be tried.
    OpenAI::new().base_url(server.url()).model("m").timeout(PATIENCE).max_retries(0)
}

#[test]
fn a_client_outlives_the_runtimes_it_is_used_on() {
    let server = server();
    let llm = llm(&server);
    for _ in 0..3 {
        for builder in [&mut Builder::new_current_thread(), &mut Builder::new_multi_thread()] {
            let tokio_runtime = builder.enable_all().build().unwrap();
            for _ in 0..2 {
                let result = tokio_runtime.block_on(llm.agenerate(["a"])).unwrap();
                assert_eq!(result.generations[0][0].text, "a 0");
            }
        }
    }
    assert_eq!(server.requests().len(), 12);
}

#[test]
fn two_runtimes_at_once() {
    let server = server();
    let llm = llm(&server);
    let first = Builder::new_current_thread().enable_all().build().unwrap();
    let second = Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..3 {
        first.block_on(llm.agenerate(["a"])).unwrap();
        second.block_on(llm.agenerate(["b"])).unwrap();
    }
}

#[test]
fn without_a_runtime_the_future_runs_all_the_same() {
    let server =
        Server::start(
            |request| if request.number == 0 { Reply::busy(503) } else { Reply::json(&bodies::completion(request)) },
        );
    let llm = llm(&server).max_retries(1);
    let result = futures::executor::block_on(llm.agenerate(["a"])).unwrap();
    assert_eq!(result.generations[0][0].text, "a 0");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn connections_outlive_runtimes() {
    let outer = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sim = outer.block_on(crate::streams::sim());
    let llm = OpenAI::new().base_url(format!("{}/v1", sim.base_url())).model("m").timeout(PATIENCE).max_retries(0);
    for _ in 0..3 {
        let tokio_runtime = Builder::new_current_thread().enable_all().build().unwrap();
        tokio_runtime.block_on(llm.agenerate(["a"])).unwrap();
        outer.block_on(sim.wait_until(|activity| activity.in_flight == 0));
    }
    assert_eq!(sim.open_connections(), 1);
}

#[test]
fn a_lent_runtime_drives_connections_until_it_ends() {
    if in_child("runtimes::a_lent_runtime_drives_connections_until_it_ends", &[]).is_some() {
        return;
    }
    let outer = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let single = Builder::new_current_thread().enable_all().build().unwrap();
    let error = connections::drive_on(single.handle()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    for http2 in [false, true] {
        let sim = outer.block_on(crate::streams::sim());
        let llm = OpenAI::new().base_url(format!("{}/v1", sim.base_url())).model("m").timeout(PATIENCE).max_retries(0);
        let llm = llm.http2_prior_knowledge(http2);
        let lent = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        connections::drive_on(lent.handle()).unwrap();
        // On it, beside it and without any, all on one connection.
        lent.block_on(llm.agenerate(["a"])).unwrap();
        lent.block_on(async { llm.astream("a").await?.result().await }).unwrap();
        outer.block_on(sim.wait_until(|activity| activity.in_flight == 0));
        single.block_on(llm.agenerate(["a"])).unwrap();
        outer.block_on(sim.wait_until(|activity| activity.in_flight == 0));
        llm.generate(["a"]).unwrap();
        // It may be on its way back when the next call wants it.
        assert!(sim.open_connections() <= 2, "{http2}");
        // A call that is under way elsewhere fails with it.
        sim.inject(Fault::Stall);
        let call = single.spawn(llm.agenerate(["a"]));
        single.block_on(sim.wait_until(|activity| activity.in_flight == 1));
        lent.shutdown_timeout(PATIENCE);
        let error = single.block_on(call).unwrap().unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Connection, true));
        outer.block_on(sim.wait_until(|activity| activity.open_connections == 0));
        single.block_on(llm.agenerate(["a"])).unwrap();
        outer.block_on(llm.agenerate(["a"])).unwrap();
    }
}

/// The connection that is being opened for it goes with a lent runtime; the next call opens another.
#[test]
fn a_lent_runtime_that_ends_leaves_no_server_behind() {
    if in_child("runtimes::a_lent_runtime_that_ends_leaves_no_server_behind", &[]).is_some() {
        return;
    }
    let caller = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // It never says a word.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let llm = OpenAI::new().base_url(url).model("m").http2_prior_knowledge(true).timeout(PATIENCE).max_retries(0);
    let lent = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    connections::drive_on(lent.handle()).unwrap();
    let call = caller.spawn(llm.agenerate(["a"]));
    let _first = listener.accept().unwrap();
    lent.shutdown_timeout(PATIENCE);
    assert_eq!(caller.block_on(call).unwrap().unwrap_err().kind(), ErrorKind::Connection);
    let _call = caller.spawn(llm.agenerate(["a"]));
    let _second = listener.accept().unwrap();
}

#[test]
fn who_waits_without_a_runtime_outlives_a_lent_one() {
    if in_child("runtimes::who_waits_without_a_runtime_outlives_a_lent_one", &[]).is_some() {
        return;
    }
    let lent = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    connections::drive_on(lent.handle()).unwrap();
    let server =
        Server::start(
            |request| if request.number == 0 { Reply::busy(503) } else { Reply::json(&bodies::completion(request)) },
        );
    let call = llm(&server).max_retries(1).agenerate(["a"]);
    let waiting = thread::spawn(|| futures::executor::block_on(call));
    // It has its answer, and waits before it asks again.
    while server.requests().is_empty() || connections::stats().sockets > 0 {
        thread::yield_now();
    }
    drop(lent);
    assert_eq!(waiting.join().unwrap().unwrap().generations[0][0].text, "a 0");
}
