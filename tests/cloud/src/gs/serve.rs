//! The threads of a server: they have nothing to do with the runtime of the test.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::gate::Gate;
use super::server::Server;
use crate::connection::{Cut, Socket};

/// Before what fails for a moment is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// Where a server listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) rest: SocketAddr,
    pub(super) grpc: SocketAddr,
}

/// Which half of the service a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Rest,
    Grpc,
}

fn listen(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Listens and answers until the runtime is dropped.
pub(super) fn start(server: Arc<Server>) -> io::Result<(Runtime, Addresses)> {
    let (rest, rest_address) = listen(server.options.port)?;
    let (grpc, grpc_address) = listen(server.options.grpc_port)?;
    let _ = server.address.set(rest_address);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(server.options.threads.max(1))
        .thread_name("gs-double")
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let gate = Gate::new(server.clone());
    for (listener, half) in [(rest, Half::Rest), (grpc, Half::Grpc)] {
        let refusals = server.refusals.subscribe();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::spawn(accept(server.clone(), gate.clone(), listener, half, refusals));
    }
    drop(entered);
    Ok((runtime, Addresses { rest: rest_address, grpc: grpc_address }))
}

async fn accept(
    server: Arc<Server>,
    gate: Gate,
    mut listener: tokio::net::TcpListener,
    half: Half,
    mut refusals: broadcast::Receiver<(Half, Instant)>,
) {
    let Ok(address) = listener.local_addr() else { return };
    loop {
        let taken = tokio::select! {
            taken = listener.accept() => taken,
            refusal = refusals.recv() => {
                // Those who asked meanwhile had their time together.
                if let Ok((whose, until)) = refusal && whose == half && until > Instant::now() {
                    drop(listener);
                    listener = back(address, until).await;
                }
                continue;
            }
        };
        let Ok((stream, _)) = taken else {
            // Out of descriptors, mostly: they come back.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let cut = Arc::new(Cut::default());
        server.traffic.accepted(&cut);
        tokio::spawn(serve(gate.clone(), stream, cut, half));
    }
}

/// Listens again from then on.
async fn back(address: SocketAddr, until: Instant) -> tokio::net::TcpListener {
    tokio::time::sleep_until(until).await;
    loop {
        match tokio::net::TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn serve(gate: Gate, stream: TcpStream, cut: Arc<Cut>, half: Half) {
    let Ok(socket) = Socket::new(stream, cut.clone()) else { return };
    let knife = cut.clone();
    let service = service_fn(move |request| {
        let (gate, cut) = (gate.clone(), knife.clone());
        async move { Ok::<_, Infallible>(gate.request(request, &cut).await) }
    });
    let io = TokioIo::new(socket);
    let connection = async {
        // A client that went away is no concern of the server.
        match half {
            Half::Rest => {
                drop(http1::Builder::new().timer(TokioTimer::new()).serve_connection(io, service).await)
            }
            Half::Grpc => {
                let mut http2 = http2::Builder::new(TokioExecutor::new());
                drop(http2.timer(TokioTimer::new()).serve_connection(io, service).await);
            }
        }
    };
    tokio::select! {
        () = connection => {}
        () = cut.asked() => {}
    }
}
