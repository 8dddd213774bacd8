//! The handle of a running proxy.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::connection::serve;
use super::harm::Harm;
use super::plan::{Drawn, Plan};
use super::speech::{Request, Speech};
use crate::Failure;

/// How long [`Proxy::quiet`] waits at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) server: SocketAddr,
    pub(super) speech: Speech,
    plan: Mutex<Option<Plan>>,
    counts: Mutex<BTreeMap<(Harm, &'static str), u64>>,
    requests: Mutex<BTreeMap<&'static str, u64>>,
    /// Requests that may still have an effect.
    open: AtomicU64,
    /// Asks for connections to be refused for so long.
    refuse: mpsc::UnboundedSender<Duration>,
}

impl Shared {
    /// What a request meets, if anything.
    pub(super) fn draw(&self, request: &Request) -> Option<Drawn> {
        *locked(&self.requests).entry(request.operation).or_default() += 1;
        locked(&self.plan).as_mut()?.draw(request)
    }

    pub(super) fn count(&self, harm: Harm, operation: &'static str) {
        *locked(&self.counts).entry((harm, operation)).or_default() += 1;
    }

    pub(super) fn refuse_for(&self, time: Duration) {
        // Without a listener nobody is taken anyway.
        let _ = self.refuse.send(time);
    }

    pub(super) fn open(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::AcqRel);
        Open(self.clone())
    }
}

/// One request that may still have an effect.
#[derive(Debug)]
pub(super) struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A proxy in this process, on threads and a port of its own. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// Starts a proxy before `server`, and returns when it takes connections. It does no harm yet.
    ///
    /// # Errors
    /// If no port can be had.
    pub fn start(server: SocketAddr, speech: Speech) -> io::Result<Self> {
        let (refuse, refusals) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            server,
            speech,
            plan: Mutex::default(),
            counts: Mutex::default(),
            requests: Mutex::default(),
            open: AtomicU64::new(0),
            refuse,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("proxy")
            .enable_all()
            .build()?;
        let entered = runtime.enter();
        let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        runtime.spawn(accept(shared.clone(), listener, address, refusals));
        drop(entered);
        Ok(Self { shared, address, runtime: Some(runtime) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From here on, requests meet the harm of `plan`.
    pub fn harm(&self, plan: Plan) {
        *locked(&self.shared.plan) = Some(plan);
    }

    /// From here on, nothing goes wrong. The counts stay.
    pub fn heal(&self) {
        *locked(&self.shared.plan) = None;
    }

    /// How often each harm was done to each operation.
    pub fn counts(&self) -> BTreeMap<(Harm, &'static str), u64> {
        locked(&self.shared.counts).clone()
    }

    /// Requests by operation, those that met harm included.
    pub fn requests(&self) -> BTreeMap<&'static str, u64> {
        locked(&self.shared.requests).clone()
    }

    /// Forgets the requests that were counted.
    pub fn reset_requests(&self) {
        locked(&self.shared.requests).clear();
    }

    /// Waits until no request that came before can still have an effect.
    ///
    /// # Errors
    /// If that takes a minute.
    pub async fn quiet(&self) -> Result<(), Failure> {
        let begun = tokio::time::Instant::now();
        while self.shared.open.load(Ordering::Acquire) > 0 {
            if begun.elapsed() > PATIENCE {
                return Err("requests are still under way".into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // The port is taken again while connections to it are still ending.
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(1024)
}

async fn accept(
    shared: Arc<Shared>,
    mut listener: TcpListener,
    at: SocketAddr,
    mut refusals: mpsc::UnboundedReceiver<Duration>,
) {
    loop {
        tokio::select! {
            taken = listener.accept() => match taken {
                Ok((stream, _)) => drop(tokio::spawn(serve(shared.clone(), stream))),
                // Out of descriptors, mostly: they come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            },
            Some(time) = refusals.recv() => {
                drop(listener);
                tokio::time::sleep(time).await;
                // Those who asked meanwhile had their time together.
                while refusals.try_recv().is_ok() {}
                listener = loop {
                    match listen(at) {
                        Ok(listener) => break listener,
                        Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                    }
                };
            }
        }
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
