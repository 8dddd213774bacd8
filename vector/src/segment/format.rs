//! The index of a segment: an object of a head and sections, each read by itself if need be.
//!
//! ```text
//! 0   "LVIX", format (1 byte), 3 zero bytes, length of the head in CBOR (u32), 4 zero bytes
//! 16  the head in CBOR, its check (CRC-64/NVME of all before it, mixed with the object's name), zero bytes up to 64·n
//! …   sections, each beginning at 64·n from here, in the order of the head
//! ```

use std::borrow::Cow;

use larder_store_core::cbor::{self, Value};
use larder_store_core::record::crc64;
use larder_store_core::{Error, ErrorKind, Op, Result};
use serde::{Deserialize, Serialize};

use super::checks::Checks;
use crate::bytes::damaged;

const MAGIC: &[u8; 4] = b"LVIX";
const FORMAT: u8 = 1;
/// What stands before the head.
pub(crate) const FIXED: usize = 16;
/// Where sections begin; a line of the cache, and what scans of codes want.
pub(crate) const ALIGN: usize = 64;
/// Bytes of sections under one check.
pub(crate) const CHUNK: usize = 64 * 1024;
/// A head above this is none.
const MAX_HEAD: usize = 16 << 20;
pub(crate) const WHAT: &str = "the index of a segment";

/// What a section holds. The numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Middles of the cells: `[cells][dims]` f32.
    Cells = 1,
    /// The first row of each cell, and the number of rows: `[cells + 1]` u32.
    CellRows = 2,
    /// Codes in blocks of 64 rows, stretch by stretch.
    Codes = 3,
    /// Numbers that are ids, `[rows]` u64; or where their texts begin, `[rows + 1]` u32.
    Ids = 4,
    /// Ids one after the other, if not all are numbers: as in the log.
    IdBytes = 5,
    /// Hashes of ids in their order: `[rows]` u64.
    Hashes = 6,
    /// The rows of those hashes: `[rows]` u16.
    HashRows = 7,
    /// Where blocks of vectors begin and their checks: `[blocks + 1]` u32, `[blocks]` u64.
    VectorBlocks = 8,
    /// The same of payloads.
    PayloadBlocks = 9,
}

/// What is said about a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) part: u8,
    /// From the beginning of the first section.
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// What an index says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) rows: u32,
    pub(crate) dims: u32,
    /// Bytes of a code.
    pub(crate) code_len: u32,
    /// The codebook of its codes; `None` for the rotated codes.
    pub(crate) book: Option<u64>,
    pub(crate) cells: u32,
    /// Rows of a block of vectors.
    pub(crate) vector_rows: u32,
    /// Rows of a block of payloads.
    pub(crate) payload_rows: u32,
    pub(crate) sections: Vec<Section>,
    /// Checks of 64 KiB each of the sections, one after the other: CRC-64/NVME, little-endian.
    pub(crate) checks: Checks,
}

/// Writes an index of sections, each with what it is.
pub(crate) fn write(name: &str, mut head: Head, sections: &[(u8, Cow<'_, [u8]>)]) -> Result<Vec<u8>> {
    head.sections.clear();
    let mut body = Vec::new();
    for (part, bytes) in sections {
        body.resize(body.len().next_multiple_of(ALIGN), 0);
        head.sections.push(Section { part: *part, offset: body.len() as u64, len: bytes.len() as u64 });
        body.extend_from_slice(bytes);
    }
    head.checks.0 = body.chunks(CHUNK).map(crc64).collect();
    let value = Value::serialized(&head)
        .map_err(|e| Error::new(ErrorKind::Invalid, Op::Maintain, "the head of an index").caused_by(e))?;
    let head = cbor::encode_deterministic(&value)?;
    let mut out = Vec::with_capacity(FIXED + head.len() + 2 * ALIGN + body.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[FORMAT, 0, 0, 0]);
    out.extend_from_slice(&(head.len() as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&head);
    let check = check(name, &out);
    out.extend_from_slice(&check.to_le_bytes());
    out.resize(out.len().next_multiple_of(ALIGN), 0);
    out.extend_from_slice(&body);
    Ok(out)
}

/// Reads the head of the index that stands under `name`, and where its sections begin.
///
/// # Errors
/// `Corrupt` for what is none, `Unsupported` for a newer format.
pub(crate) fn read(name: &str, object: &[u8]) -> Result<(Head, usize)> {
    let wrong = |why| Err(damaged(WHAT, why));
    let Some((fixed, _)) = object.split_first_chunk::<FIXED>() else { return wrong("it is too short") };
    if !fixed.starts_with(MAGIC) {
        return wrong("it does not begin as one");
    }
    let len = u32::from_le_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]) as usize;
    if len > MAX_HEAD || object.len() < FIXED + len + 8 {
        return wrong("its head is longer than it");
    }
    let covered = &object[..FIXED + len];
    if check(name, covered).to_le_bytes() != object[FIXED + len..][..8] {
        return wrong("the check of its head does not fit");
    }
    if fixed[4] > FORMAT {
        let why = format!("{WHAT} is of format {}, and this version reads {FORMAT}", fixed[4]);
        return Err(Error::new(ErrorKind::Unsupported, Op::Get, why).hint("use a newer version of Larder"));
    }
    let head: Head = cbor::decode(&covered[FIXED..])?
        .deserialized()
        .map_err(|e| damaged(WHAT, "its head is none").caused_by(e))?;
    Ok((head, (FIXED + len + 8).next_multiple_of(ALIGN)))
}

/// Checks all sections of an index, which begin at `body`.
pub(crate) fn verify(head: &Head, object: &[u8], body: usize) -> Result<()> {
    let sections = object.get(body..).unwrap_or_default();
    let len = head.sections.iter().map(|s| s.offset.saturating_add(s.len)).max().unwrap_or(0);
    if sections.len() as u64 != len || head.checks.0.len() != sections.len().div_ceil(CHUNK) {
        return Err(damaged(WHAT, "it has not the length that its head says"));
    }
    for (at, (chunk, check)) in sections.chunks(CHUNK).zip(&head.checks.0).enumerate() {
        if crc64(chunk) != *check {
            return Err(damaged(
                WHAT,
                &format!("its bytes from {} on are not what was written", body + at * CHUNK),
            ));
        }
    }
    Ok(())
}

fn check(name: &str, bytes: &[u8]) -> u64 {
    crc64(bytes) ^ crc64(name.as_bytes()).rotate_left(1)
}
