//! The three ways in which segments lie in a dump, and how they are told apart.

use bytes::{Bytes, BytesMut};
use larder_store_core::Result as Fallible;

use super::damage::{Damage, Result};
use super::head::Header;
use super::item::{Digest, MAX_SEGMENT};
use super::segment::{self, Last, Looked, Piece, Segment};
use super::{frame, jsonl};

/// How a dump is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// A CBOR sequence in zstd frames, at this level (-7 to 22, 3 by default).
    Zstd(i32),
    /// A CBOR sequence as it is.
    Plain,
    /// The same items as lines of JSON.
    JsonLines,
}

impl Default for Encoding {
    fn default() -> Encoding {
        Encoding::Zstd(3)
    }
}

impl Encoding {
    /// What it is found to be.
    pub(crate) fn found(self) -> Found {
        match self {
            Encoding::Zstd(_) => Found::Zstd,
            Encoding::Plain => Found::Plain,
            Encoding::JsonLines => Found::JsonLines,
        }
    }

    /// Writes a segment without its end into `out`, which is empty; gives a proof for each item.
    pub(super) fn encode(self, header: Option<&Header>, pieces: &[Piece], out: &mut Vec<u8>) -> Vec<Digest> {
        let size: usize = pieces.iter().map(room).sum();
        out.reserve(size + 512);
        let mut proofs = Vec::new();
        if let Some(header) = header {
            let item = header.encode();
            proofs.push(segment::hash(&item));
            match self {
                Encoding::JsonLines => jsonl::header(header, out),
                _ => out.extend(item),
            }
        }
        proofs.extend(match self {
            Encoding::JsonLines => jsonl::encode(pieces, out),
            _ => segment::encode(pieces, out),
        });
        proofs
    }

    /// Ends a segment: gives its bytes in the dump. What is left in `content` is of no use.
    pub(super) fn finish(self, content: &mut Vec<u8>, last: &Last, running: &Digest) -> Fallible<Vec<u8>> {
        match self {
            Encoding::JsonLines => jsonl::close(last, running, content),
            _ => segment::close(last, running, content),
        }
        match self {
            Encoding::Zstd(level) => frame::compress(content, level),
            _ => Ok(std::mem::take(content)),
        }
    }
}

/// About how many bytes a piece takes.
fn room(piece: &Piece) -> usize {
    match piece {
        Piece::Entry(entry) => entry.value.len() + entry.key.len() + 96,
        Piece::Chunk(bytes, _) => bytes.len() + 8,
        Piece::Begin { .. } | Piece::End(_) | Piece::Abandon => 128,
    }
}

/// What a dump turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Zstd,
    Plain,
    JsonLines,
    /// Lines of JSON that others wrote: entries, and nothing else.
    Lines,
}

/// How the first line of a dump begins.
const HEADER_LINE: &[u8] = b"{\"dump\"";

impl Found {
    /// By its first bytes; none if there are too few.
    fn of(bytes: &[u8]) -> Result<Option<Found>> {
        let Some(first) = bytes.first() else { return Ok(None) };
        Ok(Some(match first {
            0x28 => Found::Zstd,
            // The tag of a header.
            0xd9 => Found::Plain,
            b'{' if bytes.len() < HEADER_LINE.len() => return Ok(None),
            b'{' if bytes.starts_with(HEADER_LINE) => Found::JsonLines,
            b'{' => Found::Lines,
            _ => return Err(Damage::Other),
        }))
    }

    /// The most that a segment takes in the dump.
    fn most(self) -> usize {
        match self {
            Found::Zstd => frame::MAX_FRAME,
            Found::Plain => MAX_SEGMENT,
            Found::JsonLines | Found::Lines => jsonl::MAX_LINES,
        }
    }

    /// Takes a segment apart.
    pub(super) fn decode(self, raw: &Bytes) -> Result<Segment> {
        let mut segment = match self {
            Found::Zstd => {
                // What holds too many small things from its beginning on is not inflated.
                if let Some(Err(many @ Damage::Many(_))) =
                    frame::first_block(raw).map(|first| segment::decode(&Bytes::from(first)))
                {
                    return Err(many);
                }
                segment::decode(&Bytes::from(frame::decompress(raw)?))
            }
            Found::Plain => segment::decode(raw),
            Found::JsonLines => jsonl::decode(raw),
            Found::Lines => jsonl::decode_lines(raw),
        }?;
        segment.length = raw.len() as u64;
        Ok(segment)
    }
}

/// Cuts the bytes of a part into segments.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    found: Option<Found>,
    buffer: BytesMut,
    looked: Looked,
}

impl Cutter {
    /// For what goes on in the middle of a part.
    pub(super) fn of(found: Option<Found>) -> Cutter {
        Cutter { found, ..Cutter::default() }
    }

    /// What the part turned out to be, once its first byte is there.
    pub(super) fn found(&self) -> Option<Found> {
        self.found
    }

    /// Whether a segment has begun and is not all there.
    pub(super) fn is_inside(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// What is left at the end of the input: the last lines of others need no end.
    pub(super) fn rest(&mut self) -> Option<Bytes> {
        let lines = self.found == Some(Found::Lines) && !self.buffer.is_empty();
        lines.then(|| self.buffer.split().freeze())
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next segment, if it is all there.
    pub(super) fn cut(&mut self) -> Result<Option<Bytes>> {
        let found = match self.found.map_or_else(|| Found::of(&self.buffer), |found| Ok(Some(found)))? {
            Some(found) => *self.found.insert(found),
            None => return Ok(None),
        };
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let end = match found {
            Found::Zstd => frame::end_of(&self.buffer)?,
            Found::Plain => segment::end_of(&self.buffer, &mut self.looked)?,
            Found::JsonLines => jsonl::end_of(&self.buffer, &mut self.looked)?,
            Found::Lines => jsonl::end_of_lines(&self.buffer)?,
        };
        match end {
            Some(end) if end <= found.most() => {
                self.looked = Looked::default();
                Ok(Some(self.buffer.split_to(end).freeze()))
            }
            None if self.buffer.len() < found.most() => Ok(None),
            _ => Err(Damage::Wrong("a segment that is longer than segments can be")),
        }
    }
}
