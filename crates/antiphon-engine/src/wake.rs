//! What reaches the supervisor from front ends, what it tells about start-up, and what it waits for.

use tokio::time::Instant;

use crate::child_link::{ChildLink, ChildWake};
use crate::run::{Queued, Run};
use crate::supervisor::Question;

/// What front ends ask for.
#[derive(Debug)]
pub(crate) enum Command {
    Execute(Queued),
    /// The receiver of background output was taken.
    RouteBackground,
    /// An answer to what is asked, or none.
    Reply(Option<String>),
    Interrupt,
    Help(Question),
    Shutdown,
}

/// What start-up has come to.
#[derive(Debug)]
pub(crate) enum Startup {
    Compiling(String),
    Ready,
    Failed(String),
}

/// Waits for a child, if there is one.
pub(crate) async fn wake(child: Option<&ChildLink>) -> ChildWake {
    match child {
        Some(child) => child.wake().await,
        None => std::future::pending().await,
    }
}

/// Hands over an event of a run, if there is one.
pub(crate) async fn deliver(run: Option<&mut Run>) {
    match run {
        Some(run) => run.deliver().await,
        None => std::future::pending().await,
    }
}

/// Waits for a point in time, if there is one.
pub(crate) async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
