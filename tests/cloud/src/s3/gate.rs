//! What every request passes: it is counted, its credentials are looked at, then S3 is asked.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{DATE, HeaderValue, SERVER};
use hyper::http::request::Parts;
use hyper::{Method, Request};
use percent_encoding::percent_decode_str;
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, HttpRequest, HttpResponse};

use super::access::Access;
use super::answer;
use super::api::Api;
use super::clock;
use super::credentials;
use super::faults::{Answer, Exchange, conditional, exchange};
use super::keys::stays_inside;
use super::operation::operation;
use super::receive::check_list;
use super::server::Server;
use crate::connection::Cut;
use crate::traffic::Open;

/// Bytes of a list of keys to be deleted: S3's own limit.
const LARGEST_LIST: usize = 2 << 20;

#[derive(Debug, Clone)]
pub(super) struct Gate {
    server: Arc<Server>,
    s3: S3Service,
}

impl Gate {
    pub(super) fn new(server: Arc<Server>) -> Self {
        let mut builder = S3ServiceBuilder::new(Api(server.clone()));
        let options = &server.options;
        builder.set_auth(SimpleAuth::from_single(options.access_key.clone(), options.secret_key.clone()));
        builder.set_access(Access(server.clone()));
        let mut config = S3Config::default();
        // The server's clock can be moved, and only `credentials` knows by how much.
        config.presigned_url_max_skew_time_secs = u32::MAX;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        Self { s3: builder.build(), server }
    }

    pub(super) async fn request(
        &self,
        request: Request<Incoming>,
        cut: &Cut,
    ) -> Result<HttpResponse, HttpError> {
        if *request.method() == Method::OPTIONS && request.uri() == "*" {
            // Nothing of S3: how it is asked whether it is there.
            return Ok(HttpResponse::new(Body::empty()));
        }
        let request = request.map(Body::from);
        let (parts, body) = request.into_parts();
        let operation = operation(&parts);
        self.server.traffic.count(operation);
        let faults = &self.server.faults;
        let mut answer = match faults.draw(operation, conditional(&parts)) {
            None => self.answer(parts, body).await?,
            Some(drawn) => exchange(Exchange { faults, operation, cut, parts, body }, drawn, self).await?,
        };
        let settings = self.server.settings();
        let date = httpdate::fmt_http_date(clock::system(clock::now(settings.clock_offset)));
        if let Ok(date) = HeaderValue::try_from(date) {
            answer.headers_mut().insert(DATE, date);
        }
        answer.headers_mut().insert(SERVER, HeaderValue::from_static("larder-s3-double"));
        if !settings.latency.is_zero() {
            tokio::time::sleep(settings.latency).await;
        }
        Ok(answer)
    }
}

impl Answer for Gate {
    type Open = Open;

    fn open(&self) -> Open {
        self.server.traffic.begin()
    }

    async fn answer(&self, parts: Parts, mut body: Body) -> Result<HttpResponse, HttpError> {
        let _open = self.open();
        if let Some(refusal) = credentials::refusal(&self.server, &parts) {
            return Ok(refusal);
        }
        let key = parts.uri.path().trim_start_matches('/').split_once('/').map_or("", |(_, key)| key);
        if !stays_inside(&percent_decode_str(key).decode_utf8_lossy()) {
            return Ok(answer::error(400, "InvalidURI", "Couldn't parse the specified URI.", &[]));
        }
        if operation(&parts) == "DeleteObjects" && !is_chunked(&parts) {
            // The crate reads the list, and does not hand out its bytes.
            let list = body.store_all_limited(LARGEST_LIST).await;
            let Ok(list) = list else {
                return Ok(answer::error(
                    400,
                    "MalformedXML",
                    "The XML you provided was not well-formed",
                    &[],
                ));
            };
            if let Err(error) = check_list(&parts.headers, &list) {
                return error.to_http_response().map_err(|error| HttpError::new(Box::new(error)));
            }
        }
        self.s3.call(HttpRequest::from_parts(parts, body)).await
    }
}

/// Whether the body comes in signed or summed chunks, so that its bytes are not those of the payload.
fn is_chunked(parts: &Parts) -> bool {
    let payload = parts.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    payload.is_some_and(|payload| payload.starts_with("STREAMING-"))
}
