//! Writes a dump: collects pieces into segments, has them encoded and compressed side by side, and writes them in order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::available_parallelism;

use bytes::Bytes;
use larder_store_core::env::InFlight;
use larder_store_core::{Env, Error, ErrorKind, Key, Op, Result};
use tokio::sync::{Semaphore, oneshot};

use super::encoding::Encoding;
use super::head::{Header, Totals, Trailer};
use super::item::{self, Digest};
use super::parts::Parts;
use super::segment::{self, Last, Piece};
use super::volume::Volume;

/// A segment is cut at so many bytes of values and keys …
const SEGMENT: usize = 4 << 20;
/// … or so many entries.
const SEGMENT_ENTRIES: usize = 1000;
/// … or so many items, of which a value that changed while it was read has more than one …
const SEGMENT_ITEMS: usize = item::MAX_ITEMS as usize / 2;
/// … or so many fields of facts: what one entry adds is far less than the rest.
const SEGMENT_FIELDS: u64 = item::MAX_FIELDS / 2;
/// How many segments are on their way at once.
const WIDTH: usize = 6;
/// How many buffers are kept for those to come.
const SPARE: usize = 3;

/// Where writing has come to: what goes on from here when it is stopped.
#[derive(Debug, Clone)]
pub(crate) struct Position {
    pub(crate) part: u64,
    /// Bytes of the part that are whole.
    pub(crate) at: u64,
    pub(crate) running: Digest,
    pub(crate) totals: Totals,
    pub(crate) key: Option<Key>,
}

impl Position {
    pub(crate) fn start() -> Position {
        Position { part: 0, at: 0, running: [0; 32], totals: Totals::default(), key: None }
    }
}

impl Header {
    /// Makes it that of a part that begins at `position`.
    fn continues(&mut self, position: &Position) {
        self.part = position.part;
        self.totals = position.totals;
        self.after = position.key.clone();
        self.before = position.running;
    }
}

/// Writes a dump. Dropped before [`DumpWriter::finish`], it leaves what a later one goes on with.
#[derive(Debug)]
pub(crate) struct DumpWriter {
    env: Env,
    encoding: Encoding,
    split: Option<u64>,
    parts: Parts,
    // None only where making a part whole, or beginning the next, failed.
    volume: Option<Volume>,
    header: Header,
    // Set until the header of the part has gone out.
    begins: bool,
    pending: Vec<Piece>,
    pending_size: usize,
    pending_entries: usize,
    /// Fields of facts that are pending: see [`item::MAX_FIELDS`].
    pending_fields: u64,
    open: Option<Open>,
    position: Position,
    /// Bytes of the dump so far, all parts.
    written: u64,
    /// One for each core. More segments compressed at once would only take the caches from each other.
    cores: Arc<Semaphore>,
    /// Buffers of segments that have gone out: memory that is used again need not be mapped again.
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
    // The running digest behind the last segment that was cut.
    tail: oneshot::Receiver<Digest>,
    under_way: VecDeque<(usize, oneshot::Receiver<Result<Done>>)>,
    /// Bytes of values and keys that are under way.
    under_way_size: u64,
}

#[derive(Debug)]
struct Open {
    pieces: blake3::Hasher,
    context: Vec<u8>,
    before: Totals,
    /// Whether a segment ended in the middle of it.
    is_cut: bool,
}

#[derive(Debug)]
struct Done {
    bytes: Bytes,
    running: Digest,
}

fn known(digest: Digest) -> oneshot::Receiver<Digest> {
    let (tell, told) = oneshot::channel();
    let _ = tell.send(digest);
    told
}

fn gone() -> Error {
    Error::new(ErrorKind::Unknown, Op::Export, "a segment was given up by a panic or a runtime that ended")
}

impl DumpWriter {
    /// Begins a dump at `position`, which is the start, or where an earlier one was stopped.
    pub(crate) async fn open(
        env: Env,
        encoding: Encoding,
        split: Option<u64>,
        parts: Parts,
        header: Header,
        position: Position,
    ) -> Result<DumpWriter> {
        let volume = parts.create(&env, position.part, position.at).await?;
        let mut header = header;
        header.continues(&position);
        Ok(DumpWriter {
            env,
            encoding,
            split,
            parts,
            volume: Some(volume),
            header,
            begins: position.at == 0,
            pending: Vec::new(),
            pending_size: 0,
            pending_entries: 0,
            pending_fields: 0,
            open: None,
            cores: Arc::new(Semaphore::new(available_parallelism().map_or(1, usize::from))),
            spare: Arc::default(),
            tail: known(position.running),
            written: position.at,
            position,
            under_way: VecDeque::new(),
            under_way_size: 0,
        })
    }

    /// Bytes of the dump that this writer has written.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Adds a piece. Keys must come in order, chunks in their value.
    pub(crate) async fn push(&mut self, piece: Piece) -> Result<()> {
        match &piece {
            Piece::Entry(entry) => {
                self.pending_size += entry.value.len() + entry.key.len();
                self.pending_entries += 1;
                self.pending_fields += item::fields_of(&entry.facts);
                let totals = &mut self.position.totals;
                totals.begin(&entry.key, &entry.facts, entry.value.len() as u64);
                totals.entries += 1;
                totals.bytes += entry.value.len() as u64;
                self.position.key = Some(entry.key.clone());
            }
            Piece::Begin { key, facts, size } => {
                self.position.key = Some(key.clone());
                self.pending_fields += item::fields_of(facts);
                let (pieces, before) = (blake3::Hasher::new(), self.position.totals);
                self.position.totals.begin(key, facts, *size);
                self.open = Some(Open { pieces, context: item::context(key, facts), before, is_cut: false });
            }
            Piece::Chunk(bytes, digest) => {
                self.pending_size += bytes.len();
                self.position.totals.bytes += bytes.len() as u64;
                if let Some(open) = &mut self.open {
                    open.pieces.update(digest);
                }
            }
            Piece::End(_) => {
                self.position.totals.entries += 1;
                self.pending_entries += 1;
            }
            Piece::Abandon => {
                let open = self.open.take().expect("a value was begun");
                self.position.totals = open.before;
            }
        }
        self.pending.push(piece);
        if self.pending_size >= SEGMENT
            || self.pending_entries >= SEGMENT_ENTRIES
            || self.pending.len() >= SEGMENT_ITEMS
            || self.pending_fields >= SEGMENT_FIELDS
        {
            self.checkpoint().await?;
        }
        Ok(())
    }

    /// Ends the value whose chunks came.
    pub(crate) async fn end_value(&mut self) -> Result<()> {
        let mut open = self.open.take().expect("a value was begun");
        open.pieces.update(&open.context);
        self.push(Piece::End(open.pieces.finalize().into())).await?;
        // Only between two values can a part end or a later run go on. Were segments cut by their size alone, among large
        // values no cut might ever come to lie there.
        match open.is_cut && !self.pending.is_empty() {
            true => self.checkpoint().await,
            false => Ok(()),
        }
    }

    /// Cuts a segment here.
    async fn checkpoint(&mut self) -> Result<()> {
        if let Some(open) = &mut self.open {
            open.is_cut = true;
        }
        let last = self.position.totals.checkpoint();
        self.cut(last);
        // What is done goes out at once: a run that is killed has then left the more.
        while let Some((_, done)) = self.under_way.front_mut() {
            match done.try_recv() {
                Ok(done) => self.write(done?).await?,
                Err(_) if self.under_way.len() > WIDTH => self.write_one().await?,
                Err(_) => break,
            }
        }
        let Some(split) = self.split else { return Ok(()) };
        // What is under way may be enough, and how much it comes to is known when it is written.
        if self.open.is_none() && self.position.at + self.under_way_size >= split {
            self.write_all().await?;
            if self.position.at >= split {
                self.next_part().await?;
            }
        }
        Ok(())
    }

    /// Hands the pending pieces over to be encoded, chained and compressed.
    fn cut(&mut self, last: Last) {
        let pieces = std::mem::take(&mut self.pending);
        let size = std::mem::take(&mut self.pending_size);
        self.under_way_size += size as u64;
        self.pending_entries = 0;
        self.pending_fields = 0;
        let header = std::mem::take(&mut self.begins).then(|| self.header.clone());
        let (tell_running, running) = oneshot::channel();
        let before = std::mem::replace(&mut self.tail, running);
        let (tell_done, done) = oneshot::channel();
        self.under_way.push_back((size, done));
        let (env, encoding, cores) = (self.env.clone(), self.encoding, self.cores.clone());
        let spare = self.spare.clone();
        self.env.spawn(async move {
            let made = async {
                let kept = spare.clone();
                let encode = move || {
                    let mut content = lock(&kept).pop().unwrap_or_default();
                    let proofs = encoding.encode(header.as_ref(), &pieces, &mut content);
                    Ok((content, proofs))
                };
                let (mut content, mut proofs) = env.blocking(Op::Export, &InFlight::new(), encode).await?;
                proofs.extend(segment::proof_of_last(&last));
                let running = segment::run_on(&before.await.map_err(|_| gone())?, &proofs);
                let _ = tell_running.send(running);
                // Not before, as those behind wait for what this one tells.
                let _core = cores.acquire().await;
                let work = move || {
                    let bytes = encoding.finish(&mut content, &last, &running)?;
                    content.clear();
                    let mut spare = lock(&spare);
                    // Few are ever needed, and a large value may have made one larger than the rest.
                    if spare.len() < SPARE && content.capacity() <= 2 * SEGMENT {
                        spare.push(content);
                    }
                    Ok(bytes)
                };
                let bytes = env.blocking(Op::Export, &InFlight::new(), work).await?;
                Ok(Done { bytes: bytes.into(), running })
            };
            let _ = tell_done.send(made.await);
        });
    }

    async fn write_one(&mut self) -> Result<()> {
        let Some((_, next)) = self.under_way.front_mut() else { return Ok(()) };
        let done = next.await.map_err(|_| gone())??;
        self.write(done).await
    }

    /// Writes the first of those under way.
    async fn write(&mut self, done: Done) -> Result<()> {
        let (size, _) = self.under_way.pop_front().expect("it is the first");
        self.under_way_size -= size as u64;
        let length = done.bytes.len() as u64;
        self.volume.as_mut().ok_or_else(gone)?.write(&self.env, done.bytes).await?;
        self.position.at += length;
        self.position.running = done.running;
        self.written += length;
        Ok(())
    }

    async fn write_all(&mut self) -> Result<()> {
        while !self.under_way.is_empty() {
            self.write_one().await?;
        }
        Ok(())
    }

    async fn next_part(&mut self) -> Result<()> {
        self.write_all().await?;
        // One after the other: killed between a beginning and the end before it, a run would leave two beginnings, and
        // whoever goes on with the first may never come to the second.
        self.end_volume().await?;
        self.position.part += 1;
        self.position.at = 0;
        self.volume = Some(self.parts.create(&self.env, self.position.part, 0).await?);
        self.header.continues(&self.position);
        self.begins = true;
        Ok(())
    }

    /// Writes what was accepted and stops, without a trailer: a later writer can go on from here.
    pub(crate) async fn suspend(mut self) -> Result<Position> {
        if self.open.is_none() && (!self.pending.is_empty() || self.begins) {
            let last = self.position.totals.checkpoint();
            self.cut(last);
        }
        self.write_all().await?;
        Ok(self.position)
    }

    /// Writes the trailer, and makes the last part whole. Gives the bytes written.
    pub(crate) async fn finish(mut self, mut trailer: Trailer) -> Result<u64> {
        trailer.totals = self.position.totals;
        trailer.parts = self.position.part + 1;
        self.cut(Last::Trailer(Box::new(trailer)));
        self.write_all().await?;
        self.end_volume().await?;
        Ok(self.written)
    }

    async fn end_volume(&mut self) -> Result<()> {
        self.volume.take().ok_or_else(gone)?.end(&self.env).await
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(|e| e.into_inner())
}

/// Hashes a chunk where it holds up no task.
pub(crate) async fn chunk(env: &Env, bytes: Bytes) -> Result<Piece> {
    let hashed = bytes.clone();
    let digest = env.blocking(Op::Export, &InFlight::new(), move || Ok(segment::hash(&hashed))).await?;
    Ok(Piece::Chunk(bytes, digest))
}
