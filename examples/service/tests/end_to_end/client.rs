//! A client with a pool of connections.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

#[derive(Clone)]
pub(crate) struct Client(Pool<HttpConnector, Full<Bytes>>);

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn etag(&self) -> String {
        self.header("etag").to_owned()
    }
}

/// No answer. Whether the request was carried out is known only if it was never sent.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    pub(crate) was_sent: bool,
}

impl Client {
    pub(crate) fn new() -> Client {
        Client(Pool::builder(TokioExecutor::new()).build_http())
    }

    pub(crate) async fn try_ask(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, NoAnswer> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let response = self.0.request(request).await.map_err(|e| NoAnswer { was_sent: !e.is_connect() })?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|_| NoAnswer { was_sent: true })?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.try_ask(method, url, headers, body).await.unwrap_or_else(|e| panic!("{method} {url}: {e:?}"))
    }

    pub(crate) async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", url, headers, "").await
    }
}
