//! One client, measured: cold, then warm, and ten calls one after another too.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinSet;

use crate::case::{Case, Protocol};
use crate::clients::{Caller, Client, caller};

/// So many calls over HTTP/1.1 are made one after another as well.
const SERIAL: usize = 10;
/// Warm rounds: up to this many, until this time has passed.
const ROUNDS: usize = 5;
const ROUNDS_TIME: Duration = Duration::from_millis(1_500);
/// After a cold round that took longer there are no warm ones.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Wall time over the server's latency; not a number if there was no such round.
    pub(crate) cold: f64,
    pub(crate) warm: f64,
    /// Microseconds of CPU time for a warm call, or for a cold one if there was no warm round.
    pub(crate) cpu: f64,
    /// Kilobytes of memory for a call in flight.
    pub(crate) memory: f64,
    /// Sockets after the calls.
    pub(crate) sockets: usize,
    pub(crate) errors: usize,
    /// Wall time of [`SERIAL`] calls one after another, over the latency; 0 if that was not asked.
    pub(crate) serial: f64,
}

impl Figures {
    pub(crate) fn to_line(self) -> String {
        let Self { cold, warm, cpu, memory, sockets, errors, serial } = self;
        format!("{cold} {warm} {cpu} {memory} {sockets} {errors} {serial}")
    }

    pub(crate) fn from_line(line: &str) -> anyhow::Result<Self> {
        let fields: Result<Vec<f64>, _> = line.split_whitespace().map(str::parse).collect();
        let fields = fields.with_context(|| format!("not figures: {line}"))?;
        let [cold, warm, cpu, memory, sockets, errors, serial] = fields[..] else {
            bail!("not seven figures: {line}");
        };
        Ok(Self { cold, warm, cpu, memory, sockets: sockets as usize, errors: errors as usize, serial })
    }

    /// The median of each figure, and the sum of the errors.
    pub(crate) fn median(runs: &[Self]) -> Option<Self> {
        let median = |figure: fn(&Self) -> f64| {
            let mut values: Vec<f64> = runs.iter().map(figure).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied()
        };
        Some(Self {
            cold: median(|it| it.cold)?,
            warm: median(|it| it.warm)?,
            cpu: median(|it| it.cpu)?,
            memory: median(|it| it.memory)?,
            sockets: median(|it| it.sockets as f64)? as usize,
            errors: runs.iter().map(|it| it.errors).sum(),
            serial: median(|it| it.serial)?,
        })
    }
}

/// Measures `client` in this process.
pub(crate) fn run(client: Client, case: Case, url: &str, certificate: &str) -> anyhow::Result<Figures> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let Case { calls, protocol, .. } = case;
        let caller = caller(client, protocol, url, certificate)?;
        let (before, mut cpu_before) = (memory("VmRSS:")?, cpu());
        let (cold, mut errors) = round(&caller, calls).await;
        let memory = memory("VmHWM:")? - before;
        let (begun, mut walls) = (Instant::now(), Vec::new());
        if cold < PATIENCE {
            cpu_before = cpu();
            while walls.is_empty() || (walls.len() < ROUNDS && begun.elapsed() < ROUNDS_TIME) {
                let (wall, failed) = round(&caller, calls).await;
                walls.push(wall);
                errors += failed;
            }
        }
        let cpu = cpu() - cpu_before;
        let cpu = cpu.as_secs_f64() * 1e6 / (walls.len().max(1) * calls) as f64;
        let sockets = sockets();
        walls.sort();
        let over = |wall: Duration| wall.as_secs_f64() / case.ideal().as_secs_f64();
        let warm = walls.get(walls.len() / 2).map_or(f64::NAN, |wall| over(*wall));
        let mut serial = Duration::ZERO;
        if calls == SERIAL && protocol == Protocol::Http1 {
            let start = Instant::now();
            for _ in 0..SERIAL {
                errors += round(&caller, 1).await.1;
            }
            serial = start.elapsed();
        }
        let (cold, serial) = (over(cold), over(serial));
        Ok(Figures { cold, warm, cpu, memory: memory / calls as f64, sockets, errors, serial })
    })
}

/// All calls at once, each on a task of its own; the wall time, and how many failed.
async fn round(caller: &Caller, calls: usize) -> (Duration, usize) {
    let start = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..calls {
        running.spawn(caller());
    }
    let results = running.join_all().await;
    let wall = start.elapsed();
    let errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    if let Some(error) = errors.first() {
        eprintln!("{} errors, the first: {error:#}", errors.len());
    }
    (wall, errors.len())
}

/// A line of `/proc/self/status`, in kilobytes.
fn memory(name: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// User and system time of this process.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn sockets() -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let targets = descriptors.filter_map(|it| fs::read_link(it.path()).ok());
    targets.filter(|it| it.to_string_lossy().starts_with("socket:")).count()
}
