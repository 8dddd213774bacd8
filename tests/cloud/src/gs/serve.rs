//! The threads of a server: they have nothing to do with the runtime of the test.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::gate::Gate;
use super::server::Server;
use crate::connection::{Cut, Socket};

/// Where a server listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) rest: SocketAddr,
    pub(super) grpc: SocketAddr,
}

/// Which half of the service a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
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
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::spawn(accept(server.clone(), gate.clone(), listener, half));
    }
    drop(entered);
    Ok((runtime, Addresses { rest: rest_address, grpc: grpc_address }))
}

async fn accept(server: Arc<Server>, gate: Gate, listener: tokio::net::TcpListener, half: Half) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, mostly: they come back.
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            continue;
        };
        let cut = Arc::new(Cut::default());
        server.traffic.accepted(&cut);
        tokio::spawn(serve(gate.clone(), stream, cut, half));
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
