//! Does a fault to one exchange of request and answer.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use tonic::{Code, Status};

use super::{Fault, Faults, When};
use crate::connection::Cut;
use crate::faults::{Drawn, Harmed, pause, promise};
use crate::gs::gate::Gate;
use crate::gs::grpc;
use crate::gs::refusal::Refusal;

/// One request, on its way to an answer.
pub(in crate::gs) struct Exchange<'a> {
    pub(in crate::gs) faults: &'a Faults,
    pub(in crate::gs) operation: &'static str,
    pub(in crate::gs) cut: &'a Cut,
    /// Whether it speaks gRPC.
    pub(in crate::gs) grpc: bool,
    pub(in crate::gs) parts: Parts,
    pub(in crate::gs) body: Body,
}

/// Carries `drawn` out on an exchange that the gate would have answered.
pub(in crate::gs) async fn exchange(exchange: Exchange<'_>, drawn: Drawn<Fault>, gate: &Gate) -> Response {
    let Exchange { faults, operation, cut, grpc, mut parts, mut body } = exchange;
    let done = || faults.count(drawn.fault, operation);
    let said = |refusal: &Refusal| match grpc {
        true => grpc::refuse(refusal.status()),
        false => refusal.answer(),
    };
    match drawn.fault {
        Fault::Refused => {
            done();
            gate.refuse_for(grpc, drawn.delay / 5);
            reset(cut).await
        }
        Fault::Reset(when) => {
            if when == When::After {
                answered(gate, parts, body).await;
            }
            done();
            reset(cut).await
        }
        Fault::BlackHole(when) => {
            if when == When::After {
                answered(gate, parts, body).await;
            }
            done();
            std::future::pending().await
        }
        Fault::LateEffect => {
            // All of the request is here before the connection goes.
            let Ok(whole) = body.collect().await else { return reset(cut).await };
            let (gate, open) = (gate.clone(), gate.open());
            tokio::spawn(async move {
                let _open = open;
                pause(drawn.delay).await;
                // Nobody is there to be told.
                answered(&gate, parts, Body::from(whole.to_bytes())).await;
            });
            done();
            reset(cut).await
        }
        Fault::TruncatedBody | Fault::SlowBody | Fault::WrongChecksum => {
            let mut answer = gate.answer(parts, body).await;
            let harmed = match grpc {
                true => harm_message(&mut answer, drawn).await,
                false => harm(&mut answer, drawn),
            };
            if harmed {
                done();
            }
            answer
        }
        Fault::TooManyRequests { retry_after } => {
            drain(body).await;
            done();
            let mut answer = said(&Refusal::Throttled);
            if retry_after {
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            answer
        }
        Fault::Failing(status, when) => {
            match when {
                When::Before => drain(body).await,
                When::After => answered(gate, parts, body).await,
            }
            done();
            failing(grpc, status)
        }
        Fault::FalsePrecondition => {
            let answer = gate.answer(parts, body).await;
            if !succeeded(&answer) {
                return answer;
            }
            done();
            said(&Refusal::Precondition)
        }
        Fault::NotFound => {
            drain(body).await;
            done();
            said(&Refusal::NoObject("what was asked for".into()))
        }
        Fault::DamagedRequest => {
            if let Some(length) = promise(&mut parts.headers, &body).filter(|length| *length > 0) {
                body = Body::new(Harmed::flip(body, drawn.dice % length));
                done();
            } else if let Ok(whole) = body.collect().await {
                // Its length is known only when it is here.
                let whole = whole.to_bytes();
                let length = (whole.len() as u64).max(1);
                body = Body::new(Harmed::flip(Body::from(whole), drawn.dice % length));
                done();
            } else {
                return reset(cut).await;
            }
            gate.answer(parts, body).await
        }
        Fault::ExpiredToken => {
            drain(body).await;
            done();
            said(&Refusal::Unauthenticated)
        }
    }
}

/// Lets the request have its effect, all of it.
async fn answered(gate: &Gate, parts: Parts, body: Body) {
    let answer = gate.answer(parts, body).await;
    drain(answer.into_body()).await;
}

/// The task that serves the connection ends, and this with it.
async fn reset(cut: &Cut) -> Response {
    cut.reset();
    std::future::pending().await
}

/// Whether an answer says yes. gRPC says no in a header where there is nothing else to say.
fn succeeded(answer: &Response) -> bool {
    let status = answer.headers().get("grpc-status");
    answer.status().is_success() && status.is_none_or(|status| status == "0")
}

/// A server that fails, or a proxy before it.
fn failing(grpc: bool, status: u16) -> Response {
    let code = match status {
        500 => Some(Code::Internal),
        503 => Some(Code::Unavailable),
        504 => Some(Code::DeadlineExceeded),
        _ => None,
    };
    match code.filter(|_| grpc) {
        Some(code) => grpc::refuse(Status::new(code, "The service fails on purpose.")),
        None => {
            let page = "<html><title>The service fails on purpose</title></html>";
            let mut answer = Response::new(Body::from(page));
            *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            answer.headers_mut().insert("content-type", HeaderValue::from_static("text/html; charset=UTF-8"));
            answer
        }
    }
}

/// Harms an answer's body, if it has one that can be harmed so.
fn harm(answer: &mut Response, drawn: Drawn<Fault>) -> bool {
    let body = std::mem::take(answer.body_mut());
    let length = promise(answer.headers_mut(), &body).filter(|length| *length > 0);
    let whole = answer.status() == StatusCode::OK && answer.headers().contains_key("x-goog-hash");
    let (harmed, done) = match (drawn.fault, length) {
        (Fault::TruncatedBody, Some(length)) => (Body::new(Harmed::cut(body, drawn.dice % length)), true),
        (Fault::SlowBody, Some(length)) => (Body::new(Harmed::drops(body, length, drawn.delay)), true),
        (Fault::WrongChecksum, Some(length)) if whole => {
            (Body::new(Harmed::flip(body, drawn.dice % length)), true)
        }
        _ => (body, false),
    };
    *answer.body_mut() = harmed;
    done
}

/// The same over gRPC, where no header tells a length and trailers come behind the body.
async fn harm_message(answer: &mut Response, drawn: Drawn<Fault>) -> bool {
    let (mut body, mut bytes, mut trailers) = (std::mem::take(answer.body_mut()), Vec::new(), None);
    while let Some(Ok(frame)) = body.frame().await {
        match frame.into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    let length = bytes.len() as u64;
    let whole = Full::new(Bytes::from(bytes)).with_trailers(std::future::ready(trailers.map(Ok)));
    let (harmed, done) = match drawn.fault {
        _ if length == 0 => (Body::new(whole), false),
        Fault::TruncatedBody => (Body::new(Harmed::cut(whole, drawn.dice % length)), true),
        Fault::SlowBody => (Body::new(Harmed::drops(whole, length, drawn.delay)), true),
        _ => (Body::new(whole), false),
    };
    *answer.body_mut() = harmed;
    done
}

/// Takes a request's body in, so that the answer does not end the connection.
async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}
