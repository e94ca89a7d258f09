//! Room for one request.

use std::sync::Arc;

use reqwest::Client;
use tokio::sync::OwnedSemaphorePermit;

use super::host::Host;
use crate::transport::background;

/// What a request is sent by.
pub(super) enum Grant {
    Http1 { client: Client, permit: OwnedSemaphorePermit },
    Http2 { id: u64, client: Client },
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

    pub(in crate::transport) fn client(&self) -> Option<Client> {
        self.grant.as_ref().map(|grant| match grant {
            Grant::Http1 { client, .. } | Grant::Http2 { client, .. } => client.clone(),
        })
    }

    /// Lets no further request onto an HTTP/2 connection that broke.
    pub(in crate::transport) fn retire(self) {
        if let Some(Grant::Http2 { id, .. }) = &self.grant {
            self.host.remove(*id);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self.grant.take() {
            Some(Grant::Http1 { client, permit }) => {
                self.host.touch();
                drop(client);
                // The connection goes back to reqwest's pool in a task of that runtime, which has its turn first.
                if let Ok(runtime) = background::runtime() {
                    runtime.spawn(async move {
                        tokio::task::yield_now().await;
                        drop(permit);
                    });
                }
            }
            Some(Grant::Http2 { id, .. }) => self.host.put_back(id),
            None => {}
        }
    }
}
