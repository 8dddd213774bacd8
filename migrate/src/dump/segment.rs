//! A segment: the items up to a checkpoint or the trailer, made and taken apart as a whole, and by many at once.

use bytes::Bytes;
use larder_store_core::Key;

use super::damage::{Damage, Result};
use super::head::{Header, Totals, Trailer};
use super::item::{self, Budget, Digest, Entry, Facts};
use super::wire::{self, Reader};

/// A piece of what a segment carries.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    /// An entry, whole.
    Entry(Entry),
    /// A value in chunks begins.
    Begin { key: Key, facts: Facts, size: u64 },
    /// A chunk, and its hash.
    Chunk(Bytes, Digest),
    /// The chunks are over. The digest is of the whole entry.
    End(Digest),
    /// The value changed while it was read: what came of it does not count. The key may come once more.
    Abandon,
}

/// The item of [`Piece::Abandon`].
pub(super) const ABANDON: [u8; 2] = [0x81, item::ABANDON as u8];

/// What a segment ends with.
#[derive(Debug, Clone)]
pub(crate) enum Last {
    Checkpoint {
        entries: u64,
        bytes: u64,
    },
    Trailer(Box<Trailer>),
    /// Nothing: these are lines of others.
    Lines,
}

impl Totals {
    pub(super) fn checkpoint(&self) -> Last {
        Last::Checkpoint { entries: self.entries, bytes: self.bytes }
    }
}

/// A segment that was taken apart. Its entries and chunks match their digests; that it continues what came before is for
/// [`Chain`](super::chain::Chain) to say.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) header: Option<Header>,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) last: Last,
    /// What the running digest takes in: a hash for each item.
    pub(super) proofs: Vec<Digest>,
    /// The running digest as the segment tells it.
    pub(super) running: Digest,
    /// How long it is, in bytes of the dump.
    pub(crate) length: u64,
}

/// The running digest behind a segment.
pub(super) fn run_on(running: &Digest, proofs: &[Digest]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(running);
    for proof in proofs {
        hasher.update(proof);
    }
    hasher.finalize().into()
}

pub(super) fn hash(bytes: &[u8]) -> Digest {
    blake3::hash(bytes).into()
}

fn kind(out: &mut Vec<u8>, fields: u64, kind: u64) {
    wire::head(out, wire::ARRAY, fields);
    wire::head(out, wire::UINT, kind);
}

/// The item that begins a value in chunks.
pub(super) fn begin(key: &Key, facts: &Facts, size: u64) -> Vec<u8> {
    let mut out = Vec::new();
    kind(&mut out, 4, item::BEGIN);
    out.extend(item::context(key, facts));
    wire::head(&mut out, wire::UINT, size);
    out
}

/// Writes the items, and gives a proof for each.
pub(super) fn encode(pieces: &[Piece], out: &mut Vec<u8>) -> Vec<Digest> {
    let mut proofs = Vec::with_capacity(pieces.len() + 2);
    for piece in pieces {
        proofs.push(match piece {
            Piece::Entry(entry) => {
                kind(out, 5, item::ENTRY);
                let start = out.len();
                wire::text(out, entry.key.as_str());
                item::write_facts(out, &entry.facts);
                let digest = item::digest(&[hash(&entry.value)], &out[start..]);
                wire::bytes(out, &entry.value);
                wire::bytes(out, &digest);
                digest
            }
            Piece::Begin { key, facts, size } => {
                let item = begin(key, facts, *size);
                out.extend(&item);
                hash(&item)
            }
            Piece::Chunk(bytes, digest) => {
                kind(out, 2, item::PIECE);
                wire::bytes(out, bytes);
                *digest
            }
            Piece::End(digest) => {
                kind(out, 2, item::END);
                wire::bytes(out, digest);
                *digest
            }
            Piece::Abandon => {
                out.extend(ABANDON);
                hash(&ABANDON)
            }
        });
    }
    proofs
}

/// Writes what a segment ends with.
pub(super) fn close(last: &Last, running: &Digest, out: &mut Vec<u8>) {
    match last {
        Last::Checkpoint { entries, bytes } => {
            kind(out, 4, item::CHECKPOINT);
            wire::head(out, wire::UINT, *entries);
            wire::head(out, wire::UINT, *bytes);
        }
        Last::Trailer(trailer) => {
            kind(out, 3, item::TRAILER);
            out.extend(trailer.encode());
        }
        Last::Lines => unreachable!("nobody writes lines without a header"),
    }
    wire::bytes(out, running);
}

/// What the running digest takes in of the end of a segment.
pub(super) fn proof_of_last(last: &Last) -> Option<Digest> {
    match last {
        // Its numbers are counted again by whoever reads.
        Last::Checkpoint { .. } | Last::Lines => None,
        Last::Trailer(trailer) => Some(hash(&trailer.encode())),
    }
}

/// How far bytes were looked through for the end of the segment that they begin with.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub(super) at: usize,
    pub(super) budget: Budget,
}

/// Where the first segment in `bytes` ends, if it is all there; `looked` is where an earlier call stopped looking.
pub(super) fn end_of(bytes: &[u8], looked: &mut Looked) -> Result<Option<usize>> {
    loop {
        let from = looked.at;
        let mut reader = Reader::new(&bytes[from..]);
        let whole = (|| {
            if bytes[from..].first().is_some_and(|b| b >> 5 == wire::TAG) {
                reader.tag()?;
            }
            let start = reader.at();
            let kind = {
                let mut inside = reader.clone();
                inside.array()?;
                inside.uint()?
            };
            reader.skip()?;
            debug_assert!(reader.at() > start);
            Ok(kind)
        })();
        match whole {
            Ok(kind) => {
                looked.at += reader.at();
                looked.budget.item()?;
                if matches!(kind, item::CHECKPOINT | item::TRAILER) {
                    return Ok(Some(looked.at));
                }
            }
            Err(Damage::Short) => return Ok(None),
            Err(damage) => return Err(damage),
        }
    }
}

/// Takes a segment apart, and checks each entry and chunk.
pub(super) fn decode(content: &Bytes) -> Result<Segment> {
    let mut reader = Reader::new(content);
    let (mut pieces, mut proofs, mut header) = (Vec::new(), Vec::new(), None);
    let mut budget = Budget::default();
    loop {
        budget.item()?;
        let start = reader.at();
        let tagged = content.get(start).is_some_and(|b| b >> 5 == wire::TAG);
        if tagged && reader.tag()? != item::SELF_DESCRIBED {
            return Err(Damage::Wrong("a tag that no dump has"));
        }
        let fields = reader.array()?;
        match (reader.uint()?, fields) {
            (item::HEADER, 2) if start == 0 && tagged => {
                header = Some(Header::decode(&mut reader)?);
                proofs.push(hash(reader.since(start)));
            }
            _ if tagged => return Err(Damage::Wrong("an item with a tag that it cannot have")),
            (item::ENTRY, 5) => {
                let context = reader.at();
                let (key, facts) =
                    (item::read_key(&mut reader)?, item::read_facts(&mut reader, &mut budget)?);
                let context = reader.since(context);
                let value = reader.bytes()?;
                if value.len() > item::CHUNK {
                    return Err(Damage::Wrong("a value that is too large for one piece"));
                }
                let digest = reader.digest()?;
                if item::digest(&[hash(value)], context) != digest {
                    return Err(Damage::Entry(key));
                }
                pieces.push(Piece::Entry(Entry { key, facts, value: content.slice_ref(value) }));
                proofs.push(digest);
            }
            (item::BEGIN, 4) => {
                let (key, facts) =
                    (item::read_key(&mut reader)?, item::read_facts(&mut reader, &mut budget)?);
                let size = reader.uint()?;
                pieces.push(Piece::Begin { key, facts, size });
                proofs.push(hash(reader.since(start)));
            }
            (item::PIECE, 2) => {
                let bytes = reader.bytes()?;
                if bytes.len() > item::CHUNK || bytes.is_empty() {
                    return Err(Damage::Wrong("a chunk of a length that it cannot have"));
                }
                let digest = hash(bytes);
                pieces.push(Piece::Chunk(content.slice_ref(bytes), digest));
                proofs.push(digest);
            }
            (item::END, 2) => {
                let digest = reader.digest()?;
                pieces.push(Piece::End(digest));
                proofs.push(digest);
            }
            (item::ABANDON, 1) => {
                pieces.push(Piece::Abandon);
                proofs.push(hash(reader.since(start)));
            }
            (kind @ (item::CHECKPOINT | item::TRAILER), fields) => {
                let last = match (kind, fields) {
                    (item::CHECKPOINT, 4) => {
                        Last::Checkpoint { entries: reader.uint()?, bytes: reader.uint()? }
                    }
                    (item::TRAILER, 3) => {
                        let start = reader.at();
                        let trailer = Trailer::decode(&mut reader)?;
                        proofs.push(hash(reader.since(start)));
                        Last::Trailer(Box::new(trailer))
                    }
                    _ => return Err(Damage::Wrong("an item with another number of fields")),
                };
                let running = reader.digest()?;
                if !reader.is_at_end() {
                    return Err(Damage::Wrong("something stands behind the end of a segment"));
                }
                return Ok(Segment { header, pieces, last, proofs, running, length: content.len() as u64 });
            }
            (0..=item::ABANDON, _) => return Err(Damage::Wrong("an item with another number of fields")),
            _ => return Err(Damage::Unknown("an item of a kind that is not known here")),
        }
    }
}
