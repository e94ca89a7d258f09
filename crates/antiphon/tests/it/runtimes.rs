//! One client, several runtimes.

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
        assert_eq!(sim.open_connections(), 1, "{http2}");
        // A call that is under way elsewhere fails with it.
        sim.inject(Fault::Stall);
        let call = single.spawn(llm.agenerate(["a"]));
        single.block_on(sim.wait_until(|activity| activity.in_flight == 1));
        lent.shutdown_timeout(PATIENCE);
        let error = single.block_on(call).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        outer.block_on(sim.wait_until(|activity| activity.open_connections == 0));
        single.block_on(llm.agenerate(["a"])).unwrap();
        outer.block_on(llm.agenerate(["a"])).unwrap();
    }
}
