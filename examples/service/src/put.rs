//! `PUT` of a key.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use larder::{ByteStream, Error, ErrorKind, Key, Op, Precondition, PutOptions, Store, derived};

use crate::app::App;
use crate::etag::{self, Names};
use crate::get::named;
use crate::headers;
use crate::status::Failure;

/// A body up to this length is put at once, and one above it streamed.
const SMALL: u64 = 64 << 10;

/// Pieces of a refused body that are still read, of some 16 KiB each.
const DISCARDED: usize = 1024;

/// Writes a value, as the conditions of the request allow.
pub(crate) async fn put(
    State(app): State<App>,
    Path(key): Path<String>,
    request: HeaderMap,
    body: Body,
) -> Response {
    let taken = Arc::new(Taken::default());
    let most = app.settings.max_body_bytes;
    let done = write(&app, key, &request, body, &taken).await;
    let done = done.map_err(|e| if taken.too_long.load(SeqCst) { Failure::too_long(most) } else { e });
    let mut response = done.into_response();
    if !taken.whole.load(SeqCst) {
        // What was not read is still on the connection: the next request must not come behind it.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// What was taken of the body.
#[derive(Debug, Default)]
struct Taken {
    whole: AtomicBool,
    too_long: AtomicBool,
}

/// Reads what a client is still sending, for a while: one that is cut off while it sends may never see the answer.
async fn discard(app: &App, body: Body) {
    let rest = body.into_data_stream().take(DISCARDED).for_each(|_| async {});
    tokio::select! {
        () = rest => {}
        () = app.env.sleep(Duration::from_secs(1)) => {}
    }
}

async fn write(
    app: &App,
    key: String,
    request: &HeaderMap,
    body: Body,
    taken: &Arc<Taken>,
) -> Result<Response, Failure> {
    let most = app.settings.max_body_bytes;
    let length = length(request)?;
    if length.is_some_and(|length| length > most) {
        discard(app, body).await;
        return Err(Failure::too_long(most));
    }
    let body = bounded(body, most, taken.clone());
    let written = match length {
        Some(length) if length <= SMALL => {
            // Taken first, so that a refusal leaves the connection as it should be.
            let call = app.call();
            let value = call.guard(&app.env, Op::Put, derived::collect(body, SMALL)).await?;
            let (key, mut options) = conditions(app, key, request).await?;
            options.call = call;
            app.store.put_opts(&key, value, &options).await?
        }
        length => {
            let (key, mut options) = conditions(app, key, request).await?;
            (options.call, options.size_hint) = (app.stream_call(), length);
            app.store.put_stream_opts(&key, body, &options).await?
        }
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(tag) = HeaderValue::from_str(&etag::of(&written.version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

async fn conditions(app: &App, key: String, request: &HeaderMap) -> Result<(Key, PutOptions), Failure> {
    let key = Key::new(key)?;
    let mut options = PutOptions::new().with_attributes(headers::attributes(request)?);
    options.pre = precondition(app, &key, request).await?;
    Ok((key, options))
}

/// `If-Match` and `If-None-Match: *`.
async fn precondition(app: &App, key: &Key, request: &HeaderMap) -> Result<Precondition, Failure> {
    let only = etag::names(request, header::IF_MATCH)?;
    match (only, etag::names(request, header::IF_NONE_MATCH)?) {
        (None, None) => Ok(Precondition::Any),
        (None, Some(Names::Any)) => Ok(Precondition::Absent),
        (Some(names), None) => {
            let version = named(app, key, names).await?.ok_or_else(Failure::precondition)?;
            Ok(Precondition::Matches(version))
        }
        _ => Err(Failure::bad("of the conditions a write takes If-Match, or If-None-Match: *")),
    }
}

fn length(request: &HeaderMap) -> Result<Option<u64>, Failure> {
    let Some(value) = request.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length.map(Some).ok_or_else(|| Failure::bad("Content-Length is no number"))
}

/// The body as the store takes it, which ends in an error above `most` bytes.
fn bounded(body: Body, most: u64, taken: Arc<Taken>) -> ByteStream {
    let mut come = 0u64;
    let at_end = taken.clone();
    let pieces = body.into_data_stream().map(move |piece| {
        let broke = |why: &str| Error::new(ErrorKind::Invalid, Op::PutStream, why);
        let piece = piece.map_err(|e| broke("the body of the request broke off").caused_by(e))?;
        come += piece.len() as u64;
        if come > most {
            taken.too_long.store(true, SeqCst);
            return Err(broke("the body of the request is too long"));
        }
        Ok(piece)
    });
    let end = stream::poll_fn(move |_| {
        at_end.whole.store(true, SeqCst);
        Poll::Ready(None)
    });
    pieces.chain(end).boxed()
}
