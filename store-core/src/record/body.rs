//! Blocks and their checks.

use std::ops::Range;

use crc_fast::{CrcAlgorithm, Digest};

use super::head::Head;
use super::{BLOCK, CHECK, crc64};
use crate::error::{Error, ErrorKind, Op, Result};

/// How many blocks a value of `raw_len` bytes has; an empty one has none.
pub fn blocks(raw_len: u64) -> u64 {
    raw_len.div_ceil(BLOCK as u64)
}

/// Bytes of the body of a value of `raw_len` bytes: the value and a check per block.
pub fn body_len(raw_len: u64) -> u64 {
    raw_len + blocks(raw_len) * CHECK as u64
}

/// What ties the checks of blocks to one write of one key: the CRC of the head's first bytes up to and with the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding(pub(super) u64);

/// Odd, so that multiplying loses nothing: 2^64 divided by the golden ratio, as in Fibonacci hashing (Knuth, The Art
/// of Computer Programming, vol. 3, 6.4).
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Binding {
    /// What the CRC of block `number` is combined with.
    fn salt(self, number: u64) -> u64 {
        (self.0 ^ number).wrapping_mul(SPREAD)
    }

    /// The check of block `number`.
    pub fn check(self, number: u64, block: &[u8]) -> u64 {
        crc64(block) ^ self.salt(number)
    }

    /// Appends the checks of `value`'s blocks.
    pub fn index_into(self, value: &[u8], index: &mut Vec<u8>) {
        for (number, block) in value.chunks(BLOCK).enumerate() {
            index.extend_from_slice(&self.check(number as u64, block).to_le_bytes());
        }
    }

    /// Compares blocks with their checks. `raw` starts with the first byte of block `first`, and ends where a block,
    /// or the value, ends.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], naming the block.
    pub fn verify(self, first: u64, raw: &[u8], checks: &[u8]) -> Result<()> {
        if checks.len() != raw.len().div_ceil(BLOCK) * CHECK {
            return Err(damaged("the index does not have a check for each block"));
        }
        for ((number, block), check) in (first..).zip(raw.chunks(BLOCK)).zip(checks.chunks_exact(CHECK)) {
            if self.check(number, block).to_le_bytes() != check {
                return Err(damaged(&format!("block {number} does not match its check")));
            }
        }
        Ok(())
    }
}

/// Bytes that are verified, then copied while they are near: a quarter of a first-level cache. In this order the
/// arithmetic hides the waits for memory; the other one took a fifth longer.
const NEAR: usize = 8 * 1024;
/// Where the fast code for checks wants its input to begin.
const ALIGNED: usize = 128;

impl Binding {
    /// [`Binding::verify`] and a copy of `raw` in one go, which for long values costs little more than either alone.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], naming the block.
    #[inline]
    pub fn copy_verified(self, first: u64, raw: &[u8], checks: &[u8]) -> Result<Vec<u8>> {
        if raw.len() <= NEAR {
            let copy = raw.to_vec();
            self.verify(first, &copy, checks)?;
            return Ok(copy);
        }
        if checks.len() != raw.len().div_ceil(BLOCK) * CHECK {
            return Err(damaged("the index does not have a check for each block"));
        }
        let mut copy = Vec::with_capacity(raw.len());
        for ((number, block), check) in (first..).zip(raw.chunks(BLOCK)).zip(checks.chunks_exact(CHECK)) {
            let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
            let lead = (block.as_ptr() as usize).wrapping_neg() % ALIGNED;
            let (lead, rest) = block.split_at(lead.min(block.len()));
            for piece in std::iter::once(lead).chain(rest.chunks(NEAR)) {
                digest.update(piece);
                copy.extend_from_slice(piece);
            }
            if (digest.finalize() ^ self.salt(number)).to_le_bytes() != check {
                return Err(damaged(&format!("block {number} does not match its check")));
            }
        }
        Ok(copy)
    }
}

pub(super) fn damaged(why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, Op::Get, format!("the stored value is damaged: {why}"))
}

/// What of a body covers a range of the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// The first block.
    pub first_block: u64,
    /// The blocks, as bytes of the value and of the body alike.
    pub raw: Range<u64>,
    /// Their checks, as bytes of the body.
    pub index: Range<u64>,
}

impl Head {
    /// What of the body covers `range`, which lies within the value.
    pub fn cover(&self, range: Range<u64>) -> Cover {
        let (block, check) = (BLOCK as u64, CHECK as u64);
        let (first, end) = (range.start / block, range.end.div_ceil(block));
        Cover {
            first_block: first,
            raw: first * block..(end * block).min(self.raw_len),
            index: self.raw_len + first * check..self.raw_len + end * check,
        }
    }

    /// Verifies a whole body that is at hand, and gives the value in it.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`].
    pub fn open<'b>(&self, body: &'b [u8]) -> Result<&'b [u8]> {
        if body.len() as u64 != self.body_len() {
            let why = format!("its body has {} bytes instead of {}", body.len(), self.body_len());
            return Err(damaged(&why).on(&self.key));
        }
        let (raw, index) = body.split_at(self.raw_len as usize);
        self.binding().verify(0, raw, index).map_err(|e| e.on(&self.key))?;
        Ok(raw)
    }
}

/// Makes the index of a value that comes in pieces of any size.
///
/// ```
/// use larder_store_core::{Key, WriteId, record::{Head, Sealer}};
/// let mut head = Head::new(Key::new("k")?, WriteId::from_bytes([7; 16]), std::time::UNIX_EPOCH);
/// let mut sealer = Sealer::new(head.binding());
/// let mut body = Vec::new();
/// for piece in ["pieces ", "of any ", "size"] {
///     sealer.push(piece.as_bytes());
///     body.extend_from_slice(piece.as_bytes());
/// }
/// let (len, index) = sealer.finish();
/// head.raw_len = len;
/// body.extend_from_slice(&index);
/// assert_eq!(head.open(&body)?, b"pieces of any size");
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Sealer {
    binding: Binding,
    digest: Digest,
    in_block: usize,
    raw_len: u64,
    index: Vec<u8>,
}

impl Sealer {
    /// For a value bound like this.
    pub fn new(binding: Binding) -> Sealer {
        Sealer {
            binding,
            digest: Digest::new(CrcAlgorithm::Crc64Nvme),
            in_block: 0,
            raw_len: 0,
            index: Vec::new(),
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let (now, later) = piece.split_at(piece.len().min(BLOCK - self.in_block));
            self.digest.update(now);
            self.in_block += now.len();
            self.raw_len += now.len() as u64;
            if self.in_block == BLOCK {
                self.seal();
            }
            piece = later;
        }
    }

    fn seal(&mut self) {
        let number = (self.raw_len - 1) / BLOCK as u64;
        let check = self.digest.finalize() ^ self.binding.salt(number);
        self.index.extend_from_slice(&check.to_le_bytes());
        self.digest.reset();
        self.in_block = 0;
    }

    /// Bytes taken so far.
    pub fn raw_len(&self) -> u64 {
        self.raw_len
    }

    /// Takes the checks made so far, so that a long index need not stay in memory. They come before those that
    /// [`Sealer::finish`] gives.
    pub fn take_index(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.index)
    }

    /// The length of the value, and the checks not yet taken.
    pub fn finish(mut self) -> (u64, Vec<u8>) {
        if self.in_block > 0 {
            self.seal();
        }
        (self.raw_len, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Key, WriteId};

    fn head(raw_len: u64) -> Head {
        let mut head =
            Head::new(Key::new("body").unwrap(), WriteId::from_bytes([3; 16]), std::time::UNIX_EPOCH);
        head.raw_len = raw_len;
        head
    }

    fn value(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 % 251) as u8).collect()
    }

    #[test]
    fn a_stream_seals_as_a_whole_does() {
        for len in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 17] {
            let (value, head) = (value(len), head(len as u64));
            let mut whole = Vec::new();
            head.binding().index_into(&value, &mut whole);
            for step in [1000, BLOCK, BLOCK + 1] {
                let mut sealer = Sealer::new(head.binding());
                let mut index = Vec::new();
                for piece in value.chunks(step) {
                    sealer.push(piece);
                    index.extend(sealer.take_index());
                }
                let (raw_len, rest) = sealer.finish();
                index.extend(rest);
                assert_eq!((raw_len, &index), (len as u64, &whole));
            }
            let body = [value.clone(), whole].concat();
            assert_eq!(body.len() as u64, body_len(len as u64));
            assert_eq!(head.open(&body).unwrap(), value);
        }
    }

    #[test]
    fn a_range_is_verified_by_what_covers_it() {
        let value = value(3 * BLOCK + 17);
        let head = head(value.len() as u64);
        let mut body = value.clone();
        head.binding().index_into(&value, &mut body);
        let at = |r: &Range<u64>| r.start as usize..r.end as usize;
        for range in
            [0..1, 5..BLOCK as u64 + 5, 3 * BLOCK as u64..3 * BLOCK as u64 + 1, 0..value.len() as u64]
        {
            let cover = head.cover(range);
            let (raw, checks) = (&body[at(&cover.raw)], &body[at(&cover.index)]);
            head.binding().verify(cover.first_block, raw, checks).unwrap();
            assert!(head.binding().verify(cover.first_block + 1, raw, checks).is_err());
        }
    }

    #[test]
    fn what_is_verified_is_copied() {
        for len in [0, 1, NEAR, NEAR + 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17] {
            for shift in [0, 1, 127] {
                let (value, head) = (value(len), head(len as u64));
                let mut checks = Vec::new();
                head.binding().index_into(&value, &mut checks);
                let mut shifted = vec![0; shift];
                shifted.extend_from_slice(&value);
                let copy = |bytes: &[u8]| head.binding().copy_verified(0, bytes, &checks);
                assert_eq!(copy(&shifted[shift..]).unwrap(), value);
                for at in [0, len / 2, len.saturating_sub(1)].into_iter().filter(|_| len > 0) {
                    shifted[shift + at] ^= 1;
                    assert_eq!(copy(&shifted[shift..]).unwrap_err().kind(), ErrorKind::Corrupt);
                    shifted[shift + at] ^= 1;
                }
            }
        }
        assert!(head(1).binding().copy_verified(0, &[0], &[]).is_err());
        assert!(head(1).binding().copy_verified(0, &vec![0; BLOCK], &[]).is_err());
    }

    #[test]
    fn blocks_that_changed_places_are_damage() {
        let value = value(2 * BLOCK);
        let head = head(value.len() as u64);
        let mut index = Vec::new();
        head.binding().index_into(&value, &mut index);
        let swapped = [&value[BLOCK..], &value[..BLOCK], &index[8..], &index[..8]].concat();
        assert_eq!(head.open(&swapped).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
