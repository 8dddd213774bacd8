//! Objects: insert.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};

use super::words::Words;
use super::{multipart, resource, resumable};
use crate::content::Content;
use crate::gs::bucket::{Conditions, check_draft, check_name};
use crate::gs::object::{Draft, Object};
use crate::gs::refusal::Refusal;
use crate::gs::server::Server;
use crate::gs::settings::Obeys;
use crate::gs::sums::{Said, Summing, Sums};

/// Bytes of an upload that comes in one request, which is in memory.
const LARGEST: usize = 64 << 20;

pub(super) async fn upload(
    server: &Arc<Server>,
    bucket: &str,
    parts: Parts,
    mut words: Words,
    body: Body,
) -> Result<Response, Refusal> {
    let (kind, id) = (words.take("uploadType"), words.take("upload_id"));
    match (&parts.method, kind.as_deref(), id) {
        (&Method::POST, Some("multipart"), None) => {
            let asked = Asked::of(&mut words)?;
            words.done()?;
            multipart(server, bucket, asked, &parts.headers, body).await
        }
        (&Method::POST, Some("resumable"), None) => {
            let asked = Asked::of(&mut words)?;
            words.done()?;
            resumable::begin(server, bucket, asked, &parts.headers, body).await
        }
        (&Method::PUT, Some("resumable"), Some(id)) => {
            words.done()?;
            resumable::piece(server, bucket, &id, &parts.headers, body).await
        }
        (&Method::DELETE, Some("resumable"), Some(id)) => {
            words.done()?;
            resumable::cancel(server, bucket, &id)
        }
        _ => Err(Refusal::Unimplemented("The double offers no such upload.".into())),
    }
}

/// What stands in the address of an upload.
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) conditions: Conditions,
    pub(super) kms_key: Option<String>,
}

impl Asked {
    fn of(words: &mut Words) -> Result<Self, Refusal> {
        let name = words.take("name").ok_or_else(|| Refusal::invalid("Required parameter: name"))?;
        check_name(&name)?;
        Ok(Self { name, conditions: words.conditions()?, kms_key: words.take("kmsKeyName") })
    }
}

/// All of a body.
pub(super) async fn whole(body: Body, most: usize) -> Result<bytes::Bytes, Refusal> {
    axum::body::to_bytes(body, most)
        .await
        .map_err(|_| Refusal::invalid("The body broke off, or is too large."))
}

async fn multipart(
    server: &Server,
    bucket: &str,
    asked: Asked,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let boundary = multipart::boundary(headers)?;
    let body = whole(body, LARGEST).await?;
    let parts = multipart::parts(&body, &boundary)?;
    let (metadata, media, later) = match &parts[..] {
        [metadata, media] => (metadata, media, None),
        [metadata, media, later] => (metadata, media, Some(later)),
        _ => return Err(Refusal::invalid("An upload has two parts or three.")),
    };
    let is_json =
        |part: &multipart::Part<'_>| part.0.as_ref().is_some_and(|kind| kind.starts_with("application/json"));
    if !is_json(metadata) || later.is_some_and(|part| !is_json(part)) {
        return Err(Refusal::invalid("Metadata and checksums are application/json."));
    }
    let (mut draft, mut said) = resource::read(metadata.1, &asked.name)?;
    if let Some(later) = later {
        said.merge(&resource::read_sums(later.1)?);
    }
    draft.fields.content_type = draft.fields.content_type.or_else(|| media.0.clone());
    draft.kms_key = asked.kms_key;
    check_draft(&draft)?;
    let mut writer = server.spool.writer();
    let mut summing = Summing::new();
    writer.write(media.1)?;
    summing.update(media.1);
    let sums = summing.finish();
    said.check(&sums)?;
    let object = put(server, bucket, &asked.name, &asked.conditions, draft, writer.finish(), sums)?;
    Ok(described(bucket, &asked.name, &object))
}

/// Decides a write, and carries it out.
pub(super) fn put(
    server: &Server,
    bucket: &str,
    name: &str,
    conditions: &Conditions,
    draft: Draft,
    content: Content,
    sums: Sums,
) -> Result<Arc<Object>, Refusal> {
    let (now, obeys) = (server.now(), server.settings().obeys);
    let mut state = server.state();
    let generation = state.next_generation(now);
    let bucket = state.bucket(bucket)?;
    if obeys != Obeys::Nothing {
        conditions.check_write(bucket.live.get(name).map(|object| &**object))?;
    }
    Ok(bucket.put(name, draft, content, sums, (now, generation)))
}

/// The resource of an object as an answer.
pub(super) fn described(bucket: &str, name: &str, object: &Object) -> Response {
    let mut answer = Response::new(Body::from(resource::describe(bucket, name, object).to_string()));
    let json = HeaderValue::from_static("application/json; charset=UTF-8");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

/// What an upload says of its bytes in a header.
pub(super) fn said(headers: &HeaderMap) -> Result<Said, Refusal> {
    match headers.get("x-goog-hash") {
        Some(value) => crate::gs::sums::decode_header(value.to_str().unwrap_or("?")),
        None => Ok(Said::default()),
    }
}
