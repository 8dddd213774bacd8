//! What a server counts: requests, connections, and what may still have an effect.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::connection::Cut;
use crate::lock::locked;

/// What came to a server.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    requests: Mutex<BTreeMap<&'static str, u64>>,
    connections: AtomicU64,
    /// The knives of those that are open.
    cuts: Mutex<Vec<Weak<Cut>>>,
    /// Requests that may still have an effect.
    open: Arc<AtomicU64>,
}

impl Traffic {
    /// Notes a connection that was accepted.
    pub(crate) fn accepted(&self, cut: &Arc<Cut>) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let mut cuts = locked(&self.cuts);
        cuts.retain(|cut| cut.strong_count() > 0);
        cuts.push(Arc::downgrade(cut));
    }

    /// Ends all connections that are open.
    pub(crate) fn reset_all(&self) {
        locked(&self.cuts).drain(..).filter_map(|cut| cut.upgrade()).for_each(|cut| cut.reset());
    }

    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, operation: &'static str) {
        *locked(&self.requests).entry(operation).or_default() += 1;
    }

    pub(crate) fn requests(&self) -> BTreeMap<&'static str, u64> {
        locked(&self.requests).clone()
    }

    pub(crate) fn reset_requests(&self) {
        locked(&self.requests).clear();
    }

    /// Begins a request that may have an effect until what this gives is dropped.
    pub(crate) fn begin(&self) -> Open {
        self.open.fetch_add(1, Ordering::AcqRel);
        Open(self.open.clone())
    }

    pub(crate) fn open(&self) -> u64 {
        self.open.load(Ordering::Acquire)
    }

    /// Waits until nothing that was sent before can have an effect any more, also where who sent it is gone.
    ///
    /// What came before is read before what comes now, so it asks on a new connection and then looks what is open,
    /// and does so again.
    pub(crate) async fn quiet(&self, address: SocketAddr) -> io::Result<()> {
        const PAUSE: Duration = Duration::from_millis(5);
        let wait = async {
            let mut quiet = 0;
            while quiet < 3 {
                let mut stream = match TcpStream::connect(address).await {
                    // It is among the harm that a server does.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                    stream => stream?,
                };
                stream.write_all(b"OPTIONS * HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").await?;
                // One that speaks HTTP/2 alone says no to this, which is an answer too.
                match stream.read_to_end(&mut Vec::new()).await {
                    Err(error) if error.kind() != io::ErrorKind::ConnectionReset => return Err(error),
                    _ => {}
                }
                quiet = if self.open() == 0 { quiet + 1 } else { 0 };
                tokio::time::sleep(PAUSE).await;
            }
            Ok(())
        };
        let within = Duration::from_secs(30);
        tokio::time::timeout(within, wait).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

/// One request that may still have an effect.
#[derive(Debug)]
pub(crate) struct Open(Arc<AtomicU64>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
