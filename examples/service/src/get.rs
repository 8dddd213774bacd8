//! `GET` and `HEAD` of a key.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use larder::{ByteRange, ErrorKind, GetOptions, Got, HeadOptions, Key, Meta, Store, Version};

use crate::app::App;
use crate::etag::{self, Names};
use crate::status::Failure;
use crate::{headers, range};

/// What the conditions of a read come down to.
#[derive(Default)]
struct Wanted {
    unless: Option<Version>,
    only: Option<Version>,
}

/// Serves a value, or a part of it, or says that the client has it already.
pub(crate) async fn get(
    State(app): State<App>,
    Path(key): Path<String>,
    request: HeaderMap,
) -> Result<Response, Failure> {
    let key = Key::new(key)?;
    let wanted = wanted(&app, &key, &request).await?;
    let mut options = GetOptions::new().with_call(app.stream_call());
    (options.unless, options.only) = (wanted.unless, wanted.only);
    options.range = range::asked(&request);
    if options.range.is_some()
        && let Some(same) = etag::if_range(&request)
    {
        // A part of the value that the client knows, or the whole of another one.
        match same {
            Some(version) if options.only.is_none() => {
                let mut whole = options.clone();
                whole.range = None;
                options.only = Some(version);
                return match serve(&app, &key, &options).await {
                    Err(Failure::Store(error)) if error.is(ErrorKind::Conflict) => {
                        serve(&app, &key, &whole).await
                    }
                    served => served,
                };
            }
            Some(_) => {}
            None => options.range = None,
        }
    }
    serve(&app, &key, &options).await
}

async fn serve(app: &App, key: &Key, options: &GetOptions) -> Result<Response, Failure> {
    // What is in memory, or in a map of it, is answered without a stream.
    let got = match app.store.try_get(key, options) {
        Some(got) => got?.map(Body::from),
        None => app.store.get_stream_opts(key, options).await?.map(Body::from_stream),
    };
    match got {
        Got::Absent => absent(options.only.is_some()),
        Got::Unchanged(meta) => Ok(unchanged(&meta)),
        Got::Found { meta, body, .. } => found(&meta, options.range, body),
    }
}

fn found(meta: &Meta, range: Option<ByteRange>, body: Body) -> Result<Response, Failure> {
    let mut all = headers::of(meta);
    let Some(size) = meta.size else { return Ok((all, body).into_response()) };
    let (status, length) = match range {
        None => (StatusCode::OK, size),
        Some(range) => {
            let part = range.resolve(size)?;
            let shown = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            if let Ok(shown) = HeaderValue::from_str(&shown) {
                all.insert(header::CONTENT_RANGE, shown);
            }
            (StatusCode::PARTIAL_CONTENT, part.end - part.start)
        }
    };
    all.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok((status, all, body).into_response())
}

/// Serves what is known about a value.
pub(crate) async fn head(
    State(app): State<App>,
    Path(key): Path<String>,
    request: HeaderMap,
) -> Result<Response, Failure> {
    let key = Key::new(key)?;
    let wanted = wanted(&app, &key, &request).await?;
    let mut options = HeadOptions::new().with_call(app.call());
    (options.unless, options.only) = (wanted.unless, wanted.only);
    match app.store.head_opts(&key, &options).await? {
        Got::Absent => absent(options.only.is_some()),
        Got::Unchanged(meta) => Ok(unchanged(&meta)),
        Got::Found { meta, .. } => {
            let mut all = headers::of(&meta);
            if let Some(size) = meta.size {
                all.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
            }
            Ok((all, Body::empty()).into_response())
        }
    }
}

/// What the conditions come down to. One tag costs nothing; more cost a head.
async fn wanted(app: &App, key: &Key, request: &HeaderMap) -> Result<Wanted, Failure> {
    let mut wanted = Wanted::default();
    if let Some(names) = etag::names(request, header::IF_MATCH)? {
        wanted.only = Some(named(app, key, names).await?.ok_or_else(Failure::precondition)?);
    }
    match etag::names(request, header::IF_NONE_MATCH)? {
        None => {}
        Some(Names::These(mut these)) if these.len() <= 1 => wanted.unless = these.pop(),
        Some(names) => wanted.unless = named(app, key, names).await?,
    }
    Ok(wanted)
}

/// The version that stands, if it is one of those that are named. One alone is taken at its word: the store compares.
pub(crate) async fn named(app: &App, key: &Key, names: Names) -> Result<Option<Version>, Failure> {
    if let Names::These(these) = &names
        && these.len() <= 1
    {
        return Ok(these.first().cloned());
    }
    let options = HeadOptions::new().with_call(app.call());
    let version = app.store.head_opts(key, &options).await?.meta().and_then(|meta| meta.version.clone());
    Ok(version.filter(|version| match &names {
        Names::Any => true,
        Names::These(these) => these.contains(version),
    }))
}

fn absent(conditional: bool) -> Result<Response, Failure> {
    if conditional {
        return Err(Failure::precondition());
    }
    Err(Failure::Request(StatusCode::NOT_FOUND, "there is no such value".into()))
}

fn unchanged(meta: &Meta) -> Response {
    let mut all = headers::of(meta);
    // A 304 has no body, and says nothing about one.
    all.remove(header::CONTENT_TYPE);
    (StatusCode::NOT_MODIFIED, all).into_response()
}
