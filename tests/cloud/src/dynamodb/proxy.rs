//! A proxy before an emulator: it counts requests by what they ask for, leaves parts of batches undone, and does harm.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::harm::{Harm, Rule};
use super::partial::Partial;
use crate::Failure;

/// A running proxy. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
    /// Threads of its own, as it has nothing to do with the runtime of the test.
    runtime: Option<Runtime>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By operation.
    requests: BTreeMap<String, u64>,
    rules: Vec<(Rule, u64, u64)>,
    /// The share of each batch that is left undone.
    partial: Option<f64>,
    seed: u64,
    /// The most bytes of a request, and of an answer.
    largest: (u64, u64),
}

impl State {
    /// A number from 0 to 1, by xorshift (Marsaglia, "Xorshift RNGs", 2003).
    fn draw(&mut self) -> f64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 11) as f64 / (1u64 << 53) as f64
    }

    /// What happens to the next request of an operation.
    fn harm(&mut self, operation: &str) -> Option<Harm> {
        for at in 0..self.rules.len() {
            let draw = self.draw();
            let (rule, seen, done) = &mut self.rules[at];
            if rule.operation != operation {
                continue;
            }
            *seen += 1;
            if *seen > rule.after && *done < rule.most && draw < rule.share {
                *done += 1;
                return Some(rule.harm);
            }
        }
        None
    }
}

/// What makes hyper end a connection.
#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is to end")
    }
}

impl std::error::Error for Lost {}

impl Proxy {
    /// Stands before what listens on this port of 127.0.0.1.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn start(upstream: u16) -> Result<Proxy, Failure> {
        let state = State { seed: 0x9E37_79B9_7F4A_7C15, ..State::default() };
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, upstream));
        let shared = Arc::new(Shared { upstream, state: Mutex::new(state) });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let entered = runtime.enter();
        runtime.spawn(accept(shared.clone(), TcpListener::from_std(listener)?));
        drop(entered);
        Ok(Proxy { shared, port, runtime: Some(runtime) })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A store's URL for `place`, a table or a table and a namespace.
    pub fn url(&self, place: &str) -> String {
        super::url(self.port, place)
    }

    /// How many requests came for each operation since the last time that this was asked.
    pub fn take_requests(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.shared.state().requests)
    }

    /// The most bytes of a request and of an answer so far.
    pub fn largest(&self) -> (u64, u64) {
        self.shared.state().largest
    }

    /// What goes wrong from now on, drawn from this seed.
    pub fn set_rules(&self, seed: u64, rules: impl IntoIterator<Item = Rule>) {
        let mut state = self.shared.state();
        // Small seeds begin with small numbers.
        state.seed = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        state.rules = rules.into_iter().map(|rule| (rule, 0, 0)).collect();
    }

    /// Leaves this share of each batch undone from now on.
    pub fn set_partial(&self, share: Option<f64>) {
        self.shared.state().partial = share;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Lost> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
        let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or("none").to_owned();
        let (harm, share) = {
            let mut state = self.state();
            *state.requests.entry(operation.clone()).or_default() += 1;
            state.largest.0 = state.largest.0.max(body.len() as u64);
            (state.harm(&operation), state.partial)
        };
        match harm {
            Some(Harm::Throttle) => {
                return Ok(refusal(400, "ProvisionedThroughputExceededException", "too many requests"));
            }
            Some(Harm::Contended) => {
                return Ok(refusal(
                    400,
                    "TransactionConflictException",
                    "a transaction is ongoing for the item",
                ));
            }
            Some(Harm::LoseRequest) => return Err(Lost),
            _ => {}
        }
        let partial = share.and_then(|share| Partial::of(&operation, &body, || self.state().draw() < share));
        let sent = partial.as_ref().map_or(body, |partial| partial.sent.to_string().into());
        let (mut parts, answer) = self.forward(parts, sent).await.map_err(|_| Lost)?;
        match harm {
            Some(Harm::LoseAnswer) => return Err(Lost),
            Some(Harm::FailAfter) => return Ok(refusal(500, "InternalServerError", "something went wrong")),
            _ => {}
        }
        {
            let mut state = self.state();
            state.largest.1 = state.largest.1.max(answer.len() as u64);
        }
        let Some(partial) = partial.filter(|_| parts.status == StatusCode::OK) else {
            return Ok(Response::from_parts(parts, answer.into()));
        };
        let answer = partial.answer(&answer).ok_or(Lost)?;
        parts.headers.remove("x-amz-crc32");
        parts.headers.remove(CONTENT_LENGTH);
        Ok(Response::from_parts(parts, Bytes::from(answer).into()))
    }

    /// Asks the emulator.
    async fn forward(
        &self,
        mut parts: hyper::http::request::Parts,
        body: Bytes,
    ) -> Result<(hyper::http::response::Parts, Bytes), Failure> {
        let stream = TcpStream::connect(self.upstream).await?;
        stream.set_nodelay(true)?;
        let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        parts.headers.insert(CONTENT_LENGTH, body.len().into());
        parts.headers.insert(HOST, HeaderValue::from_str(&self.upstream.to_string())?);
        let answer = send.send_request(Request::from_parts(parts, Full::new(body))).await?;
        let (parts, body) = answer.into_parts();
        Ok((parts, body.collect().await?.to_bytes()))
    }
}

/// An answer that says no, in the service's own form.
fn refusal(status: u16, code: &str, message: &str) -> Response<Full<Bytes>> {
    let body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message });
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/x-amz-json-1.0"));
    answer
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = shared.clone();
                async move { shared.answer(request).await }
            });
            // A client that went away is no concern of the proxy.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
