//! One upload in pieces, as the service speaks of it (Cloud Storage, "Resumable uploads").
//!
//! The crate's own cannot be cancelled when it is given up, has no limit of time for a piece, and with its retries on
//! it loses the bytes of a piece whose connection breaks; so these few requests are made here.

use bytes::Bytes;
use google_cloud_auth::credentials::CacheableResource;
use google_cloud_storage::model;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use http::{HeaderMap, Method};
use larder_store_core::{Call, Error, ErrorKind, Op, Result, Secret};
use serde_json::{Map, Value, json};

use super::client::SERVICE;
use super::condition::Condition;
use super::error::{Failure, Said, answered, no_login, shown, unsent};
use super::put::Draft;
use super::wire::Wire;

/// An upload that was begun. Whoever has its address may write to it.
#[derive(Debug, Clone)]
pub(super) struct Session(Secret);

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// So many bytes are kept.
    Kept(u64),
    /// It is an object, of this generation.
    Done(i64),
}

/// What a request brings.
struct Sending {
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

/// An answer, all of it.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Sending {
    fn new(method: Method, body: Bytes) -> Sending {
        Sending { method, headers: HeaderMap::new(), body }
    }

    fn with(mut self, name: http::HeaderName, value: &str) -> Sending {
        if let Ok(value) = value.try_into() {
            self.headers.insert(name, value);
        }
        self
    }
}

impl Wire {
    /// Where uploads begin.
    fn upload_url(&self, name: &str, condition: Condition) -> Result<reqwest::Url, Error> {
        let config = self.config();
        let endpoint = config.endpoint.as_deref().unwrap_or(SERVICE).trim_end_matches('/');
        let text = format!("{endpoint}/upload/storage/v1/b/{}/o", config.bucket);
        let mut url = reqwest::Url::parse(&text).map_err(|error| {
            Error::new(ErrorKind::Invalid, Op::Put, "the endpoint is no URL").caused_by(error)
        })?;
        let mut query = url.query_pairs_mut();
        query.append_pair("uploadType", "resumable").append_pair("name", name);
        if let Some(generation) = condition.generation() {
            query.append_pair("ifGenerationMatch", &generation.to_string());
        }
        if let Some(key) = &config.kms_key {
            query.append_pair("kmsKeyName", key);
        }
        drop(query);
        Ok(url)
    }

    /// Where an upload begins, and what is said there.
    pub(super) fn session_request(
        &self,
        name: &str,
        draft: &Draft,
        condition: Condition,
    ) -> Result<(reqwest::Url, Bytes)> {
        let url = self.upload_url(name, condition)?;
        let body = describe(&draft.describe(model::Object::new()), self.config().storage_class.as_deref());
        Ok((url, body.to_string().into()))
    }

    /// Begins an upload. Nothing is to be seen of it before it is done.
    pub(super) async fn begin_session(
        &self,
        op: Op,
        call: &Call,
        url: reqwest::Url,
        body: Bytes,
    ) -> Result<Result<Session, Failure>> {
        let sending = Sending::new(Method::POST, body).with(CONTENT_TYPE, "application/json; charset=UTF-8");
        // An upload that nobody hears of changes no value.
        let answer = match self.exchange(op, call, url, sending, false).await? {
            Ok(answer) => answer,
            Err(failure) => return Ok(Err(failure)),
        };
        let at = answer.headers.get(LOCATION).and_then(|at| at.to_str().ok());
        let at = at.filter(|at| reqwest::Url::parse(at).is_ok_and(|at| at.has_host()));
        let none =
            || Error::new(ErrorKind::Unavailable, op, "the service began an upload and did not say where");
        Ok(Ok(Session(Secret::new(at.ok_or_else(none)?))))
    }

    /// Sends bytes that stand at `from`. `size` is that of the whole, where these are its last ones, and `crc32c` its sum.
    pub(super) async fn send_piece(
        &self,
        op: Op,
        call: &Call,
        session: &Session,
        from: u64,
        bytes: Bytes,
        end: Option<(u64, &str)>,
    ) -> Result<Result<Progress, Failure>> {
        let total = end.map_or("*".to_owned(), |(size, _)| size.to_string());
        let range = match bytes.len() as u64 {
            0 => format!("bytes */{total}"),
            len => format!("bytes {from}-{}/{total}", from + len - 1),
        };
        let mut sending = Sending::new(Method::PUT, bytes)
            .with(CONTENT_TYPE, "application/octet-stream")
            .with(CONTENT_RANGE, &range);
        if let Some((_, crc32c)) = end {
            let hash = http::HeaderName::from_static("x-goog-hash");
            sending = sending.with(hash, &format!("crc32c={crc32c}"));
        }
        self.progress(op, call, session, sending, end.is_some()).await
    }

    /// Asks how far an upload is.
    pub(super) async fn ask_session(
        &self,
        op: Op,
        call: &Call,
        session: &Session,
    ) -> Result<Result<Progress, Failure>> {
        let sending = Sending::new(Method::PUT, Bytes::new()).with(CONTENT_RANGE, "bytes */*");
        self.progress(op, call, session, sending, false).await
    }

    /// Gives an upload up. One that is gone already is no error.
    pub(super) async fn cancel_session(&self, op: Op, call: &Call, session: &Session) -> Result<()> {
        let sending = Sending::new(Method::DELETE, Bytes::new());
        match self.exchange(op, call, session.url(op)?, sending, false).await? {
            Err(failure) if !matches!(failure.said, Said::NoSession | Said::NotFound) => Err(failure.into()),
            _ => Ok(()),
        }
    }

    async fn progress(
        &self,
        op: Op,
        call: &Call,
        session: &Session,
        sending: Sending,
        writes: bool,
    ) -> Result<Result<Progress, Failure>> {
        let answer = match self.exchange(op, call, session.url(op)?, sending, writes).await? {
            Ok(answer) => answer,
            // Of a session there is nothing to be absent but itself.
            Err(failure) if matches!(failure.said, Said::NotFound | Said::NoObject) => {
                return Ok(Err(Failure { said: Said::NoSession, ..failure }));
            }
            Err(failure) => return Ok(Err(failure)),
        };
        let strange = || {
            let kind = if writes { ErrorKind::Unknown } else { ErrorKind::Unavailable };
            Error::new(kind, op, "the answer is none to a piece of an upload").with_settled(!writes)
        };
        if answer.status == 308 {
            let Some(range) = answer.headers.get(RANGE) else { return Ok(Ok(Progress::Kept(0))) };
            let last =
                range.to_str().ok().and_then(|range| range.strip_prefix("bytes=0-")?.parse::<u64>().ok());
            return Ok(Ok(Progress::Kept(last.ok_or_else(strange)? + 1)));
        }
        let object: Value = serde_json::from_slice(&answer.body).map_err(|_| strange())?;
        let generation = object["generation"].as_str().and_then(|text| text.parse().ok());
        Ok(Ok(Progress::Done(generation.ok_or_else(strange)?)))
    }

    /// One request and its answer. A 308 says that an upload goes on.
    async fn exchange(
        &self,
        op: Op,
        call: &Call,
        url: reqwest::Url,
        sending: Sending,
        writes: bool,
    ) -> Result<Result<Answer, Failure>> {
        let (live, client) = self.http(op, call).await?;
        let len = sending.body.len() as u64;
        let request = async {
            let login = live.credentials.headers(Default::default()).await;
            let login = match login {
                Ok(CacheableResource::New { data, .. }) => data,
                // Nothing was named that could have stayed as it was.
                Ok(CacheableResource::NotModified) => HeaderMap::new(),
                Err(error) => {
                    return Err(Failure { error: no_login(op, &error), said: Said::Other, broken: false });
                }
            };
            let request = client.request(sending.method, url).headers(login).headers(sending.headers);
            let request = request.header(CONTENT_LENGTH, len).body(sending.body);
            let answer = request.send().await.map_err(|error| unsent(op, writes, error))?;
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            let body = answer.bytes().await.map_err(|error| unsent(op, writes, error))?;
            match status {
                200..=299 | 308 => Ok(Answer { status, headers, body }),
                _ => Err(answered(op, writes, Some(status), None, &message(&body), Some(&headers))),
            }
        };
        // Also what changes no value takes as long as its bytes.
        let sent = self.tell(op, call, len, Box::pin(request)).await?;
        let answer = match sent {
            Some(answer) => answer,
            None => Err(Failure::silent(op, writes, self.limit(len))),
        };
        Ok(self.noted(&live, answer))
    }
}

impl Session {
    fn url(&self, op: Op) -> Result<reqwest::Url> {
        reqwest::Url::parse(self.0.reveal())
            .map_err(|_| Error::new(ErrorKind::Unavailable, op, "the upload has no address"))
    }
}

/// What an error of the service says.
fn message(body: &[u8]) -> String {
    let told: Option<Value> = serde_json::from_slice(body).ok();
    let told = told.and_then(|told| Some(told["error"]["message"].as_str()?.to_owned()));
    told.unwrap_or_else(|| shown(body))
}

/// The resource that an upload begins with.
fn describe(object: &model::Object, class: Option<&str>) -> Value {
    let mut told = Map::new();
    let texts = [
        ("contentType", object.content_type.as_str()),
        ("cacheControl", &object.cache_control),
        ("contentEncoding", &object.content_encoding),
        ("contentDisposition", &object.content_disposition),
        ("contentLanguage", &object.content_language),
        ("storageClass", class.unwrap_or_default()),
    ];
    for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        told.insert(name.into(), json!(text));
    }
    if let Some(at) = &object.custom_time {
        told.insert("customTime".into(), json!(String::from(*at)));
    }
    told.insert("metadata".into(), json!(object.metadata));
    Value::Object(told)
}
