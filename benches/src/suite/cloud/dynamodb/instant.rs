//! A DynamoDB that answers at once, and does no more than that: items in memory, and every condition holds.
//!
//! A client that waits goes to sleep and finds its caches cold, so what it costs depends on how long it waits. dynalite
//! takes half as long again for a put with a condition, and the condition alone makes the bare SDK's client dearer by ten
//! microseconds and more. Here all requests take a few microseconds, and what is measured is the clients.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, checksum};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use larder_cloud_tests::served::Served;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::error::Result;

/// The word that makes this program that server.
const ROLE: &str = "role-instant-dynamodb";

/// The server, in a process of its own: this program again.
pub(super) struct Instant(Served);

impl Instant {
    pub(super) fn start() -> Result<Instant> {
        let tell = |command: &mut Command, port: u16| {
            command.args([ROLE, &port.to_string()]);
        };
        Ok(Instant(Served::start("instant", &std::env::current_exe()?, tell)?))
    }

    pub(super) fn port(&self) -> u16 {
        self.0.port()
    }
}

/// Plays the role, if it was asked for.
pub(crate) fn role(mut words: impl Iterator<Item = String>) -> Option<ExitCode> {
    if words.next()? != ROLE {
        return None;
    }
    let port = words.next().and_then(|port| port.parse().ok()).unwrap_or(0);
    let Err(error) = serve(port);
    eprintln!("{ROLE}: {error}");
    Some(ExitCode::FAILURE)
}

/// All items, by their keys.
#[derive(Debug, Default)]
struct Items(Mutex<HashMap<String, Value>>);

fn serve(port: u16) -> Result<Infallible> {
    // One thread: the clients have the other cores.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let items = Arc::new(Items::default());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let items = items.clone();
            let service = service_fn(move |request| {
                let items = items.clone();
                async move { items.respond(request).await }
            });
            tokio::spawn(async move {
                // A client that went away is no concern of the server.
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
            });
        }
    })
}

impl Items {
    async fn respond(&self, request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default().to_owned();
        let body = request.into_body().collect().await?.to_bytes();
        let (status, answer) = match self.answer(&operation, &body) {
            Some(answer) => (StatusCode::OK, answer),
            None => (StatusCode::BAD_REQUEST, json!({ "__type": "UnknownOperationException" })),
        };
        let body = Bytes::from(answer.to_string());
        let sum = checksum(CrcAlgorithm::Crc32IsoHdlc, &body);
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0".parse().expect("is one"));
        response.headers_mut().insert("x-amz-crc32", (sum as u32).into());
        Ok(response)
    }

    fn answer(&self, operation: &str, body: &[u8]) -> Option<Value> {
        let mut asked: Value = serde_json::from_slice(body).ok()?;
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match operation {
            "GetItem" => {
                let Some(item) = items.get(&place(&asked["Key"])) else { return Some(json!({})) };
                let mut item = item.as_object()?.clone();
                if let Some(wanted) = asked["ProjectionExpression"].as_str() {
                    item.retain(|name, _| wanted.split(", ").any(|wanted| wanted == name));
                }
                Some(json!({ "Item": item }))
            }
            "PutItem" => {
                let item = asked["Item"].take();
                let old = items.insert(place(&item), item);
                Some(match old.filter(|_| asked["ReturnValues"] == "ALL_OLD") {
                    Some(old) => json!({ "Attributes": old }),
                    None => json!({}),
                })
            }
            _ => None,
        }
    }
}

fn place(key: &Value) -> String {
    format!("{} {}", key["pk"], key["sk"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_what_it_is_given() {
        let items = Items::default();
        let ask = |operation, body: Value| items.answer(operation, body.to_string().as_bytes());
        let key = || json!({ "pk": { "S": "a" }, "sk": { "B": "aw==" } });
        let item = |b: &str| json!({ "pk": { "S": "a" }, "sk": { "B": "aw==" }, "b": { "B": b }, "w": { "B": "dw==" } });
        assert_eq!(ask("GetItem", json!({ "Key": key() })), Some(json!({})));
        assert_eq!(ask("PutItem", json!({ "Item": item("MQ==") })), Some(json!({})));
        let old = ask("PutItem", json!({ "Item": item("Mg=="), "ReturnValues": "ALL_OLD" }));
        assert_eq!(old, Some(json!({ "Attributes": item("MQ==") })));
        assert_eq!(ask("GetItem", json!({ "Key": key() })), Some(json!({ "Item": item("Mg==") })));
        let part = ask("GetItem", json!({ "Key": key(), "ProjectionExpression": "h, b" }));
        assert_eq!(part, Some(json!({ "Item": { "b": { "B": "Mg==" } } })));
        assert_eq!(ask("DeleteItem", json!({ "Key": key() })), None);
    }
}
