//! The running server, as its owner sees it.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    panic::Location,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle};

use crate::{
    activity::Activity,
    builder::{Settings, SimBuilder},
    fault::Fault,
    listener::CountedListener,
    request_log::RecordedRequest,
    server,
    service::Service,
};

/// The key that [`Sim::env`] sets: clients refuse to start without one, and it must not look like a
/// real one.
const PLACEHOLDER_KEY: &str = "simulated";

/// How long a test waits for something to happen: far longer than it takes, as machines may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running simulator. Dropping it stops the server and closes its connections.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use antiphon_sim::{Latency, Sim};
///
/// let sim = Sim::builder().seed(7).latency(Latency::None).start().await?;
/// assert!(sim.base_url().starts_with("http://127.0.0.1:"));
/// // ... point a client at `sim.base_url()` ...
/// assert!(sim.requests().is_empty());
/// sim.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub struct Sim {
    addr: SocketAddr,
    service: Arc<Service>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Sim {
    /// Starts to configure a simulator.
    pub fn builder() -> SimBuilder {
        SimBuilder::new()
    }

    pub(crate) fn start(addr: SocketAddr, settings: Settings) -> io::Result<Self> {
        let service = Arc::new(Service::new(settings));
        let (stop, stopped) = watch::channel(false);
        let listener = CountedListener::bind(addr, service.activity.clone(), stopped)?;
        let addr = listener.local_addr()?;
        // It never returns: it is aborted.
        let accepting = tokio::spawn(server::serve(listener, Arc::clone(&service)));
        Ok(Self { addr, service, stop, accepting })
    }

    /// The address it listens on, with the port that the system chose.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://ADDRESS:PORT` (`https` with TLS), without a slash at the end and without `/v1`.
    pub fn base_url(&self) -> String {
        let mut addr = self.addr;
        if addr.ip().is_unspecified() {
            // It is an address to listen on, not one to connect to.
            addr.set_ip(if addr.is_ipv4() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { Ipv6Addr::LOCALHOST.into() });
        }
        #[cfg(feature = "tls")]
        if self.service.tls().is_some() {
            return format!("https://{addr}");
        }
        format!("http://{addr}")
    }

    /// The certificate that clients have to trust, in PEM format, if it serves over TLS.
    #[cfg(feature = "tls")]
    pub fn certificate_pem(&self) -> Option<String> {
        Some(self.service.tls()?.certificate_pem)
    }

    /// The environment variables that point clients at this server, with placeholder keys.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        Self::env_at(self.base_url())
    }

    /// The same, for a server that is not there yet.
    pub(crate) fn env_at(base_url: String) -> Vec<(&'static str, String)> {
        let openai_base_url = format!("{base_url}/v1");
        vec![
            ("OPENAI_BASE_URL", openai_base_url.clone()),
            ("OPENAI_API_BASE", openai_base_url),
            ("AZURE_OPENAI_ENDPOINT", base_url.clone()),
            ("ANTHROPIC_BASE_URL", base_url.clone()),
            ("GOOGLE_GEMINI_BASE_URL", base_url.clone()),
            ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", base_url.clone()),
            ("OLLAMA_HOST", base_url.clone()),
            ("PROMPTLAYER_BASE_URL", base_url.clone()),
            // As PromptLayer's own package called it in 2023.
            ("URL_API_PROMPTLAYER", base_url),
            ("OPENAI_API_KEY", PLACEHOLDER_KEY.to_owned()),
            ("AZURE_OPENAI_API_KEY", PLACEHOLDER_KEY.to_owned()),
            ("ANTHROPIC_API_KEY", PLACEHOLDER_KEY.to_owned()),
            ("GEMINI_API_KEY", PLACEHOLDER_KEY.to_owned()),
            ("AWS_BEARER_TOKEN_BEDROCK", PLACEHOLDER_KEY.to_owned()),
            ("PROMPTLAYER_API_KEY", PLACEHOLDER_KEY.to_owned()),
        ]
    }

    /// Makes the next model calls go wrong: each call takes one fault off the queue, in the order of arrival. Requests
    /// that are refused, or that ask no model, take none.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// use antiphon_sim::{ErrorAnswer, Fault, Sim};
    ///
    /// let sim = Sim::builder().start().await?;
    /// sim.inject(Fault::Error(ErrorAnswer::overloaded()));
    /// sim.inject(Fault::CutAfter(100));
    /// // ... the first call gets a 503, the second a cut answer, all others are fine ...
    /// # Ok(())
    /// # }
    /// ```
    pub fn inject(&self, fault: Fault) {
        self.service.faults.push(Some(fault));
    }

    /// Lets one call pass unharmed between two faults.
    pub fn inject_none(&self) {
        self.service.faults.push(None);
    }

    /// The last requests, oldest first: at most 1,000, and fewer if their bodies take more than 64
    /// MiB.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.service.log.to_vec()
    }

    /// How many TCP connections are open, whether in use or idle.
    pub fn open_connections(&self) -> usize {
        self.activity().open_connections
    }

    /// How many requests are being answered. A stream counts until its end.
    pub fn in_flight(&self) -> usize {
        self.activity().in_flight
    }

    /// All counts, taken at the same moment.
    pub fn activity(&self) -> Activity {
        self.service.activity.now()
    }

    /// Waits until the counts fulfil `condition`: a test's way to order things without sleeping.
    ///
    /// # Panics
    ///
    /// When that takes longer than 30 seconds by the system's clock, whatever tokio's says. The message names the line
    /// that waits, the counts, and the last requests.
    #[track_caller]
    pub fn wait_until(&self, condition: impl FnMut(&Activity) -> bool) -> impl Future<Output = ()> {
        let waiter = Location::caller();
        async move {
            if let Err(activity) = self.service.activity.wait_until(condition, PATIENCE).await {
                panic!("what {waiter} waits for has not come in {PATIENCE:?}: {activity:?}\n{}", self.service.log);
            }
        }
    }

    /// Stops accepting, closes every connection, also in the middle of an answer, and waits until
    /// all are closed.
    ///
    /// # Panics
    ///
    /// When that takes longer than 30 seconds; see [`Self::wait_until`].
    pub async fn shutdown(mut self) {
        self.stop();
        // The result says that it was aborted, which is what was asked for.
        let _ = (&mut self.accepting).await;
        self.wait_until(|activity| activity.open_connections == 0).await;
    }

    fn stop(&self) {
        self.accepting.abort();
        self.stop.send_replace(true);
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Sim");
        debug.field("addr", &self.addr).field("activity", &self.activity()).finish_non_exhaustive()
    }
}
