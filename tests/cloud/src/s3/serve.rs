//! The threads of a server: they have nothing to do with the runtime of the test.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::HttpError;
use tokio::runtime::Runtime;

use super::gate::Gate;
use super::server::Server;
use crate::connection::{Cut, Socket};

/// Listens and answers until the runtime is dropped.
pub(super) fn start(server: Arc<Server>) -> io::Result<(Runtime, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, server.options.port))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(server.options.threads.max(1))
        .thread_name("s3-double")
        .enable_all()
        .build()?;
    let _entered = runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    tokio::spawn(accept(server, listener));
    drop(_entered);
    Ok((runtime, address))
}

/// What makes hyper end a connection.
#[derive(Debug)]
struct Broken(#[allow(dead_code, reason = "told by Debug")] HttpError);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request cannot be answered")
    }
}

impl std::error::Error for Broken {}

async fn accept(server: Arc<Server>, listener: tokio::net::TcpListener) {
    let gate = Gate::new(server.clone());
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, mostly: they come back.
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            continue;
        };
        let cut = Arc::new(Cut::default());
        server.traffic.accepted(&cut);
        tokio::spawn(serve(gate.clone(), stream, cut));
    }
}

async fn serve(gate: Gate, stream: tokio::net::TcpStream, cut: Arc<Cut>) {
    let Ok(socket) = Socket::new(stream, cut.clone()) else { return };
    let service = service_fn(|request| {
        let (gate, cut) = (gate.clone(), cut.clone());
        async move { gate.request(request, &cut).await.map_err(Broken) }
    });
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(socket), service);
    tokio::select! {
        // A client that went away is no concern of the server.
        _ = connection => {}
        () = cut.asked() => {}
    }
}
