//! A value that comes as a stream: each byte is taken from the budget before it is kept.

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder_store_core::{ByteStream, Error, ErrorKind, Key, Op, PutOptions, Result};

use super::budget::Charge;
use super::cost;
use super::shelf::Shelf;
use super::values::{Incoming, full, has_ancestors};

const OP: Op = Op::PutStream;
/// The first piece of memory, where the size is not known.
const FIRST: usize = 64 * 1024;

/// What has come so far.
struct Upload<'s> {
    shelf: &'s Shelf,
    bytes: Vec<u8>,
    charge: Charge,
}

/// Reads a stream into memory, in bounded space.
pub(super) async fn collect(
    shelf: &Shelf,
    key: &Key,
    mut body: ByteStream,
    options: &PutOptions,
    attributes: usize,
) -> Result<Incoming> {
    let fixed = cost::value(key, 0, attributes, has_ancestors(options));
    let charge = shelf.room(fixed).ok_or_else(|| full(OP, fixed, shelf.capacity()))?;
    let mut upload = Upload { shelf, bytes: Vec::new(), charge };
    if let Some(size) = options.size_hint {
        let size = usize::try_from(size).map_err(|_| full(OP, size, shelf.capacity()))?;
        upload.grow(size)?;
    }
    while let Some(piece) = body.try_next().await? {
        upload.push(&piece, options.size_hint)?;
    }
    let len = upload.bytes.len() as u64;
    match options.size_hint {
        Some(hint) if hint != len => Err(other_size(hint, len, "brought")),
        _ => Ok(upload.finish(fixed)),
    }
}

fn other_size(hint: u64, len: u64, how: &str) -> Error {
    let why = format!("the size hint says {hint} bytes, and the stream {how} {len}");
    Error::new(ErrorKind::Invalid, OP, why)
}

impl Upload<'_> {
    fn push(&mut self, piece: &Bytes, hint: Option<u64>) -> Result<()> {
        let len = self.bytes.len() + piece.len();
        if let Some(hint) = hint.filter(|hint| len as u64 > *hint) {
            return Err(other_size(hint, len as u64, "brings at least"));
        }
        if len > self.bytes.capacity() {
            // Twice as much, so that the bytes are not moved for each piece.
            self.grow(len.max(self.bytes.capacity() * 2).max(FIRST))?;
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Moves the bytes to a larger place, which is taken while the smaller one is still there.
    fn grow(&mut self, capacity: usize) -> Result<()> {
        let (now, then) = (cost::block(self.bytes.capacity()), cost::block(capacity));
        let no_room = || full(OP, then, self.shelf.capacity());
        let more = self.shelf.room(then).ok_or_else(no_room)?;
        let mut larger = Vec::new();
        larger.try_reserve_exact(capacity).map_err(|_| no_room())?;
        larger.extend_from_slice(&self.bytes);
        self.bytes = larger;
        self.charge.join(more);
        self.charge.shrink(self.charge.bytes() - now);
        Ok(())
    }

    fn finish(self, fixed: u64) -> Incoming {
        let Upload { bytes, mut charge, .. } = self;
        // In a place of just this size; the allocator cuts off the rest.
        let value = Bytes::from(bytes.into_boxed_slice());
        charge.shrink(fixed + cost::block(value.len()));
        Incoming { value, charge }
    }
}
