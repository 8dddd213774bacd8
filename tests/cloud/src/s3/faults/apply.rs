//! Does a fault to one exchange of request and answer.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use s3s::{Body, HttpError, HttpResponse};

use super::{Fault, Faults, When};
use crate::connection::Cut;
use crate::faults::{Drawn, Harmed, pause, promise};
use crate::s3::answer::{bare, error};

/// One request, on its way to an answer.
pub(in crate::s3) struct Exchange<'a> {
    pub(in crate::s3) faults: &'a Faults,
    pub(in crate::s3) operation: &'static str,
    pub(in crate::s3) cut: &'a Cut,
    pub(in crate::s3) parts: Parts,
    pub(in crate::s3) body: Body,
}

/// What answers when nothing is wrong.
pub(in crate::s3) trait Answer: Clone + Send + Sync + 'static {
    /// Stands for a request that may still have an effect, while it lives.
    type Open: Send + 'static;

    fn open(&self) -> Self::Open;

    fn answer(
        &self,
        parts: Parts,
        body: Body,
    ) -> impl Future<Output = Result<HttpResponse, HttpError>> + Send;
}

/// Carries `drawn` out on an exchange that `s3` would have answered.
pub(in crate::s3) async fn exchange(
    exchange: Exchange<'_>,
    drawn: Drawn<Fault>,
    s3: &impl Answer,
) -> Result<HttpResponse, HttpError> {
    let Exchange { faults, operation, cut, mut parts, mut body } = exchange;
    let done = || faults.count(drawn.fault, operation);
    match drawn.fault {
        Fault::Reset(When::Before) => {
            done();
            reset(cut).await
        }
        Fault::Reset(When::After) => {
            s3.answer(parts, body).await?;
            done();
            reset(cut).await
        }
        Fault::BlackHole(when) => {
            if when == When::After {
                s3.answer(parts, body).await?;
            }
            done();
            std::future::pending().await
        }
        Fault::LateEffect => {
            // All of the request is here before the connection goes.
            let Some(body) = taken(body).await else { return reset(cut).await };
            let (s3, open) = (s3.clone(), s3.open());
            tokio::spawn(async move {
                let _open = open;
                pause(drawn.delay).await;
                // Nobody is there to be told.
                let _ = s3.answer(parts, body).await;
            });
            done();
            reset(cut).await
        }
        Fault::TruncatedBody | Fault::SlowBody | Fault::WrongChecksum => {
            let mut answer = s3.answer(parts, body).await?;
            if harm(&mut answer, drawn) {
                done();
            }
            Ok(answer)
        }
        Fault::TooManyRequests { retry_after } => {
            drain(body).await;
            done();
            Ok(later(error(429, "TooManyRequests", "Please reduce your request rate.", &[]), retry_after))
        }
        Fault::SlowDown { retry_after } => {
            drain(body).await;
            done();
            Ok(later(error(503, "SlowDown", "Please reduce your request rate.", &[]), retry_after))
        }
        Fault::Bare(status, when) => {
            match when {
                When::Before => drain(body).await,
                When::After => drop(s3.answer(parts, body).await?),
            }
            done();
            Ok(bare(status))
        }
        Fault::Conflict(When::Before) => {
            drain(body).await;
            done();
            Ok(conflict())
        }
        Fault::Conflict(When::After) | Fault::FalsePrecondition => {
            let answer = s3.answer(parts, body).await?;
            if !answer.status().is_success() {
                return Ok(answer);
            }
            done();
            Ok(match drawn.fault {
                Fault::FalsePrecondition => {
                    let what = "At least one of the pre-conditions you specified did not hold";
                    error(412, "PreconditionFailed", what, &[])
                }
                _ => conflict(),
            })
        }
        Fault::DamagedRequest => {
            if let Some(length) = promise(&mut parts.headers, &body).filter(|length| *length > 0) {
                body = Body::http_body(Harmed::flip(body, drawn.dice % length));
                done();
            }
            s3.answer(parts, body).await
        }
        Fault::ExpiredToken => {
            drain(body).await;
            done();
            Ok(error(400, "ExpiredToken", "The provided token has expired.", &[]))
        }
    }
}

/// The task that serves the connection ends, and this with it.
async fn reset(cut: &Cut) -> Result<HttpResponse, HttpError> {
    cut.reset();
    std::future::pending().await
}

/// Harms an answer's body, if it has one that can be harmed so.
fn harm(answer: &mut HttpResponse, drawn: Drawn<Fault>) -> bool {
    let body = std::mem::take(answer.body_mut());
    let length = promise(answer.headers_mut(), &body).filter(|length| *length > 0);
    let summed = answer
        .headers()
        .keys()
        .any(|name| name.as_str().starts_with("x-amz-checksum-") && name.as_str() != "x-amz-checksum-type");
    let (harmed, done) = match (drawn.fault, length) {
        (Fault::TruncatedBody, Some(length)) => {
            (Body::http_body(Harmed::cut(body, drawn.dice % length)), true)
        }
        (Fault::SlowBody, Some(length)) => (Body::http_body(Harmed::drops(body, length, drawn.delay)), true),
        (Fault::WrongChecksum, Some(length)) if answer.status().is_success() && summed => {
            (Body::http_body(Harmed::flip(body, drawn.dice % length)), true)
        }
        _ => (body, false),
    };
    *answer.body_mut() = harmed;
    done
}

fn later(mut answer: HttpResponse, retry_after: bool) -> HttpResponse {
    if retry_after {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

fn conflict() -> HttpResponse {
    let what = "The conditional request cannot succeed due to a conflicting operation against this resource.";
    error(409, "ConditionalRequestConflict", what, &[])
}

/// Takes a request's body in, so that the answer does not end the connection.
async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

async fn taken(body: Body) -> Option<Body> {
    let bytes: Bytes = body.collect().await.ok()?.to_bytes();
    Some(Body::from(bytes))
}

/// Whether a request has a condition on what it writes.
pub(in crate::s3) fn conditional(parts: &Parts) -> bool {
    parts.headers.contains_key("if-match") || parts.headers.contains_key("if-none-match")
}
