//! Writing values in pieces.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64_simd::STANDARD;
use bytes::{Buf, Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, Digest};
use futures_util::TryStreamExt;
use larder_store_core::layer::retry::{Retries, unknown};
use larder_store_core::{
    ByteStream, Call, Error, ErrorKind, Key, Op, Precondition, PutOptions, Result, Version, Written,
};

use super::begun::Begun;
use super::condition::{Condition, Refused, mine};
use super::error::{Failure, Said};
use super::put::Draft;
use super::session::Progress;
use super::wire::Wire;

/// The most room that is made for a piece before its bytes are there.
const ROOM: usize = 64 << 20;

/// Writes a value that does not fit one request, or of which nobody knows whether it does.
pub(super) async fn put_stream(
    wire: &Arc<Wire>,
    retries: &Retries,
    op: Op,
    key: &Key,
    body: ByteStream,
    options: &PutOptions,
) -> Result<Written> {
    wire.guarantees.check_put(op, key, options, options.size_hint)?;
    let (call, name) = (&options.call, wire.names.of(op, key)?);
    let draft = wire.draft(options)?;
    let id = draft.facts.write_id;
    // The condition of a session cannot change, and its body is sent once: so it is looked at first.
    let condition = match &options.pre {
        Precondition::Any => Condition::None,
        _ => match retries.run(op, call, |_| wire.allowed(op, &name, options, id)).await? {
            Refused::Mine(version) => return written_before(wire, op, &draft, version, body, options).await,
            Refused::Still(generation) => Condition::Match(generation),
            Refused::Free => Condition::Absent,
        },
    };
    match Begun::begin(wire, retries, op, call, &name, &draft, condition).await? {
        Some(begun) => {
            let wire = wire.clone();
            Upload { wire, retries, op, call, name, begun }.run(&draft, body, options).await
        }
        None => match wire.refused(op, &name, options, id).await? {
            Refused::Mine(version) => written_before(wire, op, &draft, version, body, options).await,
            _ => Err(replaced(op)),
        },
    }
}

fn lost(op: Op) -> Error {
    Error::new(ErrorKind::Unavailable, op, "the service lost the upload, or bytes of it")
}

fn replaced(op: Op) -> Error {
    Error::new(ErrorKind::Unavailable, op, "what stood there was replaced meanwhile")
}

/// The write was made by an attempt before this one, whose bytes these are again.
async fn written_before(
    wire: &Arc<Wire>,
    op: Op,
    draft: &Draft,
    version: Version,
    mut body: ByteStream,
    options: &PutOptions,
) -> Result<Written> {
    let (env, mut size) = (&wire.env, 0);
    while let Some(piece) = options.call.guard(env, op, async { body.try_next().await }).await? {
        size += piece.len() as u64;
    }
    Ok(mine(wire.written(draft, 0, size), version))
}

/// An upload that goes on.
struct Upload<'a> {
    wire: Arc<Wire>,
    retries: &'a Retries,
    op: Op,
    call: &'a Call,
    name: String,
    begun: Begun,
}

/// Bytes of an upload that stand behind each other.
struct Piece {
    from: u64,
    bytes: Bytes,
    /// Nothing comes behind them.
    last: bool,
}

impl<'a> Upload<'a> {
    /// Sends the body, one piece while the next one is filled.
    async fn run(self, draft: &Draft, body: ByteStream, options: &PutOptions) -> Result<Written> {
        let (hint, most) = (options.size_hint, self.wire.guarantees.max_value);
        let mut filler = Filler {
            upload: &self,
            body,
            rest: Bytes::new(),
            hint,
            most,
            size: 0,
            sum: Digest::new(CrcAlgorithm::Crc32Iscsi),
        };
        let mut piece = filler.next().await?;
        while !piece.last {
            let ((), next) = futures_util::future::try_join(self.send(&piece), filler.next()).await?;
            piece = next;
        }
        let (size, sum) = (filler.size, filler.sum.finalize() as u32);
        let sum = STANDARD.encode_to_string(sum.to_be_bytes());
        drop(filler.body);
        self.complete(draft, options, piece, size, &sum).await
    }

    /// Sends a piece that is not the last one, until all of it is kept.
    async fn send(&self, piece: &Piece) -> Result<()> {
        let (op, call, end) = (self.op, self.call, piece.from + piece.bytes.len() as u64);
        // Whether what is kept is known.
        let sure = AtomicBool::new(true);
        let kept = std::sync::atomic::AtomicU64::new(piece.from);
        let sent = self.retries.run(op, call, |_| async {
            if !sure.load(Ordering::Relaxed) {
                match self.kept(piece, self.wire.ask_session(op, call, &self.begun.session).await?)? {
                    Some(now) => kept.store(now, Ordering::Relaxed),
                    None => return Ok(false),
                }
            }
            sure.store(false, Ordering::Relaxed);
            loop {
                let from = kept.load(Ordering::Relaxed);
                if from == end {
                    return Ok(true);
                }
                let mut bytes = piece.bytes.clone();
                bytes.advance((from - piece.from) as usize);
                let sent = self.wire.send_piece(op, call, &self.begun.session, from, bytes, None).await?;
                let Some(now) = self.kept(piece, sent)? else { return Ok(false) };
                kept.store(now, Ordering::Relaxed);
                if now <= from {
                    let why = "the service takes no more of the upload";
                    return Err(Error::new(ErrorKind::Unavailable, op, why));
                }
            }
        });
        // What is lost is not found by asking again: only who has all bytes can begin anew.
        if sent.await? { Ok(()) } else { Err(lost(op)) }
    }

    /// How many bytes an answer says that are kept; `None` where the upload cannot go on from there.
    fn kept(&self, piece: &Piece, answer: Result<Progress, Failure>) -> Result<Option<u64>> {
        let end = piece.from + piece.bytes.len() as u64;
        match answer {
            Ok(Progress::Kept(kept)) => Ok(Some(kept).filter(|kept| (piece.from..=end).contains(kept))),
            Ok(Progress::Done(_)) => Ok(None),
            Err(failure) if failure.is(Said::NoSession) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Sends the last piece, which makes an object of all of them.
    async fn complete(
        self,
        draft: &Draft,
        options: &PutOptions,
        piece: Piece,
        size: u64,
        sum: &str,
    ) -> Result<Written> {
        let (op, call, id) = (self.op, self.call, draft.facts.write_id);
        let made = |version: Version| mine(self.wire.written(draft, 0, size), version);
        let mut attempts = self.retries.attempts(call);
        // Whether an attempt got no answer.
        let mut open = false;
        let mut from = piece.from;
        let done: Result<Written> = async {
            loop {
                let mut bytes = piece.bytes.clone();
                bytes.advance((from - piece.from) as usize);
                let end = Some((size, sum));
                let mut answer =
                    self.wire.send_piece(op, call, &self.begun.session, from, bytes, end).await?;
                if answer.as_ref().is_err_and(|failed| !failed.error.settled()) {
                    open = true;
                    // A session is an object at most once, and tells which.
                    if let Ok(now) = self.wire.ask_session(op, call, &self.begun.session).await? {
                        answer = Ok(now);
                    }
                }
                let failed = match answer {
                    Ok(Progress::Done(generation)) => return Ok(self.wire.written(draft, generation, size)),
                    Ok(Progress::Kept(kept)) => {
                        from = self.kept(&piece, Ok(Progress::Kept(kept)))?.ok_or_else(|| lost(op))?;
                        let why = "the service did not take the end of the upload";
                        attempts.again(op, Error::new(ErrorKind::Unavailable, op, why)).await?;
                        continue;
                    }
                    Err(failed) => failed,
                };
                if failed.is(Said::Precondition) {
                    return match self.wire.refused(op, &self.name, options, id).await? {
                        Refused::Mine(version) => Ok(made(version)),
                        _ => Err(replaced(op)),
                    };
                }
                if failed.is(Said::NoSession) {
                    let now = self.wire.current(op, call, &self.name).await?;
                    return match now.filter(|now| now.version.write_id() == Some(id)) {
                        Some(now) => Ok(made(now.version)),
                        None => {
                            let why = "the upload is gone, and the value that stands there is not its own";
                            Err(Error::new(ErrorKind::Unknown, op, why))
                        }
                    };
                }
                let error = Error::from(failed);
                if !error.kind().is_retryable() && !error.is(ErrorKind::Unknown) {
                    return Err(error);
                }
                attempts.again(op, error).await?;
            }
        }
        .await;
        match done {
            Ok(mut written) => {
                self.begun.over();
                written.settled &= !open;
                Ok(written)
            }
            // Whatever the last attempt met, one before it may have been made.
            Err(error) if open && error.is(ErrorKind::Conflict) => Err(error.with_settled(false)),
            Err(error) if open => Err(unknown(error)),
            Err(error) => Err(error),
        }
    }
}

/// Makes pieces of a body.
struct Filler<'a> {
    upload: &'a Upload<'a>,
    body: ByteStream,
    /// What came behind the end of a piece.
    rest: Bytes,
    hint: Option<u64>,
    most: u64,
    /// Bytes so far.
    size: u64,
    sum: Digest,
}

impl Filler<'_> {
    /// The next piece: full, unless the body ends.
    async fn next(&mut self) -> Result<Piece> {
        let (op, call, wire) = (self.upload.op, self.upload.call, &self.upload.wire);
        let full = wire.config().piece_size as usize;
        let from = self.size - self.rest.len() as u64;
        let mut piece = BytesMut::new();
        loop {
            while !self.rest.is_empty() && piece.len() < full {
                // At once, as a buffer that grows is there twice while it does.
                let left = self.hint.map_or(u64::MAX, |hint| hint.saturating_sub(from + piece.len() as u64));
                let lacks = (full - piece.len()).min(left.try_into().unwrap_or(usize::MAX));
                piece.reserve(lacks.min(ROOM.saturating_sub(piece.len())));
                let taken = self.rest.split_to(self.rest.len().min(full - piece.len()));
                self.sum.update(&taken);
                piece.extend_from_slice(&taken);
            }
            // Whether a full piece is the last one is known when there is more, or no more.
            if !self.rest.is_empty() {
                return Ok(Piece { from, bytes: piece.freeze(), last: false });
            }
            let body = &mut self.body;
            match call.guard(&wire.env, op, async { body.try_next().await }).await? {
                Some(bytes) => {
                    self.size += bytes.len() as u64;
                    self.check()?;
                    self.rest = bytes;
                }
                None => break,
            }
        }
        if let Some(hint) = self.hint.filter(|hint| *hint != self.size) {
            let why = format!("the stream brought {} bytes, and {hint} were said", self.size);
            return Err(Error::new(ErrorKind::Invalid, op, why));
        }
        Ok(Piece { from, bytes: piece.freeze(), last: true })
    }

    /// Refuses more bytes than there may be.
    fn check(&self) -> Result<()> {
        let (size, most) = (self.size, self.most);
        if size <= self.hint.unwrap_or(most).min(most) {
            return Ok(());
        }
        let (kind, why) = match self.hint {
            Some(hint) if hint <= most => {
                (ErrorKind::Invalid, format!("the stream brings more than the {hint} bytes that were said"))
            }
            _ => (
                ErrorKind::Unsupported,
                format!("the stream is longer than the {most} bytes that this store takes"),
            ),
        };
        Err(Error::new(kind, self.upload.op, why))
    }
}
