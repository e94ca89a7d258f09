//! What calls leave behind on the runtime that drives connections.

use std::time::{Duration, Instant};

use antiphon_sim::{Latency, Sim};
use tokio::task::JoinSet;

use crate::OpenAI;
use crate::transport::background;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_thousand_dropped_calls_leave_no_task() {
    let sim = Sim::builder().latency(Latency::Constant(Duration::from_hours(1))).start().await.unwrap();
    let llm = OpenAI::new().base_url(format!("{}/v1", sim.base_url())).model("m");
    let drop_calls = async |calls: usize| {
        let mut running = JoinSet::new();
        (0..calls).for_each(|_| drop(running.spawn(llm.agenerate(["Hi"]))));
        sim.wait_until(|activity| activity.in_flight == calls).await;
        drop(running);
        sim.wait_until(|activity| activity.open_connections == 0).await;
    };
    let tasks = || background::own().unwrap().metrics().num_alive_tasks();
    drop_calls(1).await;
    // What sweeps the connections goes on.
    let begun = Instant::now();
    while tasks() > 1 {
        assert!(begun.elapsed() < Duration::from_secs(30), "{} tasks", tasks());
        tokio::task::yield_now().await;
    }
    drop_calls(1_000).await;
    while tasks() > 1 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} tasks", tasks());
        tokio::task::yield_now().await;
    }
}
