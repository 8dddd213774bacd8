//! What every request passes: it is counted, its token is looked at, then the service is asked.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, DATE, HeaderValue, SERVER};
use hyper::http::request::Parts;
use hyper::{Method, Request};
use tokio::time::Instant;
use tonic::codegen::Service as _;

use super::faults::{Exchange, exchange};
use super::grpc;
use super::operation::{conditional, operation};
use super::refusal::Refusal;
use super::rest;
use super::serve::Half;
use super::server::Server;
use super::time;
use super::unread::Unread;
use crate::connection::Cut;
use crate::traffic::Open;

#[derive(Debug, Clone)]
pub(super) struct Gate {
    server: Arc<Server>,
    rest: Router,
}

impl Gate {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { rest: rest::router(server.clone()), server }
    }

    /// A request that may have an effect until what this gives is dropped.
    pub(super) fn open(&self) -> Open {
        self.server.traffic.begin()
    }

    /// For so long nobody is taken on one half of the service.
    pub(super) fn refuse_for(&self, grpc: bool, time: Duration) {
        let half = if grpc { Half::Grpc } else { Half::Rest };
        // Without a listener nobody is taken anyway.
        let _ = self.server.refusals.send((half, Instant::now() + time));
    }

    pub(super) async fn request(&self, request: Request<Incoming>, cut: &Cut) -> Response {
        if *request.method() == Method::OPTIONS && request.uri() == "*" {
            // Nothing of the service: how it is asked whether it is there.
            return Response::new(Body::empty());
        }
        let (parts, body) = request.map(Body::new).into_parts();
        let operation = operation(&parts);
        self.server.traffic.count(operation);
        let grpc = parts.uri.path().starts_with(grpc::SERVICE);
        let faults = &self.server.faults;
        // What gRPC asks under a condition stands in its body: it is taken for conditional.
        let mut answer = match faults.draw(operation, grpc || conditional(&parts)) {
            None => self.answer(parts, body).await,
            Some(drawn) => {
                let one = Exchange { faults, operation, cut, grpc, parts, body };
                exchange(one, drawn, self).await
            }
        };
        let settings = self.server.settings();
        let date = httpdate::fmt_http_date(time::system(time::now(settings.clock_offset)));
        if let Ok(date) = HeaderValue::try_from(date) {
            answer.headers_mut().insert(DATE, date);
        }
        answer.headers_mut().insert(SERVER, HeaderValue::from_static("larder-gs-double"));
        if !settings.latency.is_zero() {
            tokio::time::sleep(settings.latency).await;
        }
        answer
    }

    /// Answers where nothing is wrong.
    pub(super) async fn answer(&self, parts: Parts, body: Body) -> Response {
        let _open = self.open();
        let grpc = parts.uri.path().starts_with(grpc::SERVICE);
        let signed = operation(&parts).starts_with("Signed");
        if let Some(token) = self.server.settings().token.filter(|_| !signed) {
            let given = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            if given.and_then(|given| given.strip_prefix("Bearer ")) != Some(token.as_str()) {
                let refusal = Refusal::Unauthenticated;
                return if grpc { grpc::refuse(refusal.status()) } else { refusal.answer() };
            }
        }
        if grpc {
            return grpc::call(&self.server, Request::from_parts(parts, body)).await;
        }
        let unread = Unread::of(body);
        let request = Request::from_parts(parts, Body::new(unread.clone()));
        let answer = match self.rest.clone().call(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        unread.drain().await;
        answer
    }
}
