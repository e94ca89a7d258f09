//! Room for one request.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::host::Host;
use crate::transport::background;

/// What a request has for itself.
pub(super) enum Grant {
    Http1(OwnedSemaphorePermit),
    /// A stream of this shard.
    Http2(u64),
}

/// Room for one request, given back when dropped.
pub(in crate::transport) struct Lease {
    host: Arc<Host>,
    grant: Option<Grant>,
}

impl Lease {
    pub(super) fn new(host: Arc<Host>, grant: Grant) -> Self {
        Self { host, grant: Some(grant) }
    }

    /// Gives the room back, awaited on the runtime of the connections.
    pub(in crate::transport) async fn give_back(mut self) {
        if let Some(Grant::Http1(permit)) = self.grant.take_if(|grant| matches!(grant, Grant::Http1(_)))
            && self.host.put_back_http1()
        {
            give_back(permit).await;
        }
    }

    /// Lets no further request onto an HTTP/2 connection that broke.
    pub(in crate::transport) fn retire(self) {
        if let Some(Grant::Http2(id)) = &self.grant {
            self.host.remove(*id);
        }
    }
}

/// Gives a permit back when the connection is likely to be back in reqwest's pool, so that the next request need not open
/// another. A task puts it there, which has its turn first if this thread runs it.
async fn give_back(permit: OwnedSemaphorePermit) {
    tokio::task::yield_now().await;
    drop(permit);
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self.grant.take() {
            Some(Grant::Http1(permit)) => {
                if self.host.put_back_http1()
                    && let Ok(runtime) = background::handle()
                {
                    runtime.spawn(give_back(permit));
                }
            }
            Some(Grant::Http2(id)) => self.host.put_back(id),
            None => {}
        }
    }
}
