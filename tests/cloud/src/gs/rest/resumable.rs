//! Uploads in pieces (Cloud Storage, "Perform resumable uploads").

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use futures_util::StreamExt as _;
use hyper::header::{CONTENT_LENGTH, HeaderValue, LOCATION, RANGE};
use hyper::{HeaderMap, StatusCode};

use super::resource;
use super::upload::{Asked, described, put, said, whole};
use crate::gs::bucket::check_draft;
use crate::gs::refusal::Refusal;
use crate::gs::server::Server;
use crate::gs::session::{QUANTUM, Session, State, Taking};
use crate::gs::settings::Obeys;

/// Bytes of the metadata that an upload begins with.
const LARGEST_HEAD: usize = 1 << 20;

pub(super) async fn begin(
    server: &Arc<Server>,
    bucket: &str,
    asked: Asked,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = whole(body, LARGEST_HEAD).await?;
    let (mut draft, said) = resource::read(&body, &asked.name)?;
    draft.kms_key = asked.kms_key;
    if let Some(kind) = headers.get("x-upload-content-type").and_then(|kind| kind.to_str().ok()) {
        draft.fields.content_type.get_or_insert_with(|| kind.to_owned());
    }
    check_draft(&draft)?;
    let id = server.new_id();
    let obeys = server.settings().obeys;
    {
        let mut state = server.state();
        let live = state.bucket(bucket)?.live.get(&*asked.name).cloned();
        if obeys != Obeys::Nothing {
            asked.conditions.check_write(live.as_deref())?;
        }
        let session = Session {
            bucket: bucket.to_owned(),
            name: asked.name,
            draft,
            said,
            conditions: asked.conditions,
            state: State::Open(Box::new(Taking::new(&server.spool))),
        };
        state.sessions.insert(id.clone(), session);
    }
    let mut answer = Response::new(Body::empty());
    // Not by the Host header: clients leave the port out of it.
    let at =
        format!("{}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={id}", server.endpoint());
    let at = HeaderValue::try_from(at).map_err(|error| Refusal::Internal(error.to_string()))?;
    answer.headers_mut().insert(LOCATION, at);
    Ok(answer)
}

/// `Content-Range` of a piece.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// What is kept so far?
    Status,
    /// Bytes from here on; `last` and the size of the whole where they are said.
    Bytes { start: u64, last: Option<u64>, size: Option<u64> },
    /// No bytes, and the whole has this size.
    End(u64),
}

impl Piece {
    fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let Some(value) = headers.get("content-range") else {
            return Ok(Self::Bytes { start: 0, last: None, size: None });
        };
        let text = value.to_str().unwrap_or("");
        let wrong = || Refusal::Invalid(format!("Invalid Content-Range {text:?}"));
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        let (range, size) = text.strip_prefix("bytes ").and_then(|t| t.split_once('/')).ok_or_else(wrong)?;
        let size = if size == "*" { None } else { Some(number(size)?) };
        match (range.split_once('-'), range, size) {
            (None, "*", None) => Ok(Self::Status),
            (None, "*", Some(size)) => Ok(Self::End(size)),
            (Some((start, "*")), _, size) => Ok(Self::Bytes { start: number(start)?, last: None, size }),
            (Some((start, last)), _, size) => {
                let (start, last) = (number(start)?, number(last)?);
                if last < start || size.is_some_and(|size| last >= size) {
                    return Err(wrong());
                }
                Ok(Self::Bytes { start, last: Some(last), size })
            }
            _ => Err(wrong()),
        }
    }
}

/// Takes a piece, or tells what is kept.
pub(super) async fn piece(
    server: &Arc<Server>,
    bucket: &str,
    id: &str,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<Response, Refusal> {
    let piece = Piece::of(headers)?;
    let hashes = said(headers)?;
    let mut held = match checkout(server, bucket, id)? {
        Ok(held) => held,
        Err(done) => return Ok(done),
    };
    let kept = held.taking.kept();
    let (start, last, size) = match piece {
        Piece::Status => return Ok(incomplete(kept)),
        Piece::End(size) => (size, None, Some(size)),
        Piece::Bytes { start, last, size } => (start, last, size),
    };
    if start > kept {
        return Err(Refusal::Invalid(format!("The piece begins at {start}, and {kept} bytes are kept.")));
    }
    // Bytes that are kept already are passed over.
    let mut pass = kept - start;
    let mut came = 0;
    let mut stream = std::mem::take(&mut body).into_data_stream();
    while let Some(bytes) = stream.next().await {
        // What fills quanta is kept, and nobody hears this answer.
        let bytes = bytes.map_err(|_| broken())?;
        came += bytes.len() as u64;
        let skip = pass.min(bytes.len() as u64);
        pass -= skip;
        held.taking.take(&bytes[skip as usize..])?;
    }
    let promised = last.map(|last| last + 1 - start).or_else(|| {
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok())
    });
    if promised.is_some_and(|promised| promised != came) {
        return Err(broken());
    }
    // Without a size the stream's own end is that of the whole, unless the piece says that it is none.
    let ends = match (size, last) {
        (Some(size), _) => held.taking.here() == size,
        (None, None) => true,
        (None, Some(_)) => false,
    };
    if ends {
        return finish(server, id, held.whole(), hashes);
    }
    if held.taking.here() != held.taking.kept() {
        let what = format!("A piece that is not the last one must be a multiple of {QUANTUM} bytes.");
        return Err(Refusal::Invalid(what));
    }
    Ok(incomplete(held.taking.kept()))
}

fn broken() -> Refusal {
    Refusal::invalid("The piece broke off.")
}

/// The bytes of a session while a piece comes. However that ends, they go back to it.
struct Held<'a> {
    server: &'a Server,
    id: &'a str,
    taking: Box<Taking>,
    over: bool,
}

impl Held<'_> {
    /// All bytes are here.
    fn whole(mut self) -> Taking {
        self.over = true;
        std::mem::replace(&mut *self.taking, Taking::new(&self.server.spool))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        if let Some(session) = self.server.state().sessions.get_mut(self.id)
            && matches!(session.state, State::Busy)
        {
            let mut taking = std::mem::replace(&mut *self.taking, Taking::new(&self.server.spool));
            taking.broke();
            session.state = State::Open(Box::new(taking));
        }
    }
}

/// Makes an object of a session that has all its bytes. One that is refused is over.
fn finish(
    server: &Arc<Server>,
    id: &str,
    taking: Taking,
    hashes: crate::gs::sums::Said,
) -> Result<Response, Refusal> {
    let (content, sums) = taking.finish()?;
    let Some(mut session) = server.state().sessions.remove(id) else { return Err(Refusal::Gone) };
    if let State::Cancelled = session.state {
        return Err(Refusal::Gone);
    }
    session.said.merge(&hashes);
    session.said.check(&sums)?;
    let (bucket, name, draft) = (session.bucket.clone(), session.name.clone(), session.draft.clone());
    let object = put(server, &bucket, &name, &session.conditions, draft, content, sums)?;
    session.state = State::Done(object.clone());
    server.state().sessions.insert(id.to_owned(), session);
    Ok(described(&bucket, &name, &object))
}

/// Takes the bytes of a session out of it while a piece comes; of one that is done, its answer.
fn checkout<'a>(
    server: &'a Server,
    bucket: &str,
    id: &'a str,
) -> Result<Result<Held<'a>, Response>, Refusal> {
    let mut state = server.state();
    let session = state.sessions.get_mut(id).filter(|session| session.bucket == bucket);
    let session = session.ok_or(Refusal::Gone)?;
    match std::mem::replace(&mut session.state, State::Busy) {
        State::Open(taking) => Ok(Ok(Held { server, id, taking, over: false })),
        State::Done(object) => {
            let answer = described(&session.bucket, &session.name, &object);
            session.state = State::Done(object);
            Ok(Err(answer))
        }
        State::Cancelled => {
            session.state = State::Cancelled;
            Err(Refusal::Cancelled)
        }
        State::Busy => Err(Refusal::Internal("Another piece of this upload is under way.".into())),
    }
}

fn incomplete(kept: u64) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
    // Of nothing there is no range.
    if let Some(last) = kept.checked_sub(1)
        && let Ok(range) = HeaderValue::try_from(format!("bytes=0-{last}"))
    {
        answer.headers_mut().insert(RANGE, range);
    }
    answer
}

/// Gives an upload up. It says so with an error, as the service does.
pub(super) fn cancel(server: &Server, bucket: &str, id: &str) -> Result<Response, Refusal> {
    let mut state = server.state();
    let session = state.sessions.get_mut(id).filter(|session| session.bucket == bucket);
    let session = session.ok_or(Refusal::Gone)?;
    if let State::Done(_) = session.state {
        return Err(Refusal::Gone);
    }
    session.state = State::Cancelled;
    Err(Refusal::Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_pieces() {
        let of = |text: &str| {
            let headers = HeaderMap::from_iter([("content-range".parse().unwrap(), text.parse().unwrap())]);
            Piece::of(&headers)
        };
        let bytes = |start, last, size| Piece::Bytes { start, last, size };
        assert_eq!(of("bytes */*").unwrap(), Piece::Status);
        assert_eq!(of("bytes */0").unwrap(), Piece::End(0));
        assert_eq!(of("bytes 0-9/10").unwrap(), bytes(0, Some(9), Some(10)));
        assert_eq!(of("bytes 5-9/*").unwrap(), bytes(5, Some(9), None));
        assert_eq!(of("bytes 5-*/*").unwrap(), bytes(5, None, None));
        for wrong in ["bytes 5-4/*", "bytes 0-10/10", "0-1/2", "bytes x-1/2"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
