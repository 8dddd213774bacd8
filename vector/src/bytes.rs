//! Numbers in bytes, little-endian, read with every length checked.

use larder_store_core::{Error, ErrorKind, Op, Result};

use crate::Id;

/// What is left of some bytes that are read.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, which `what` names in errors.
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Reader<'a> {
        Reader { bytes, what }
    }

    pub(crate) fn damaged(&self, why: &str) -> Error {
        damaged(self.what, why)
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (head, rest) =
            self.bytes.split_at_checked(len).ok_or_else(|| self.damaged("it ends too early"))?;
        self.bytes = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) =
            self.bytes.split_first_chunk().ok_or_else(|| damaged(self.what, "it ends too early"))?;
        self.bytes = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// So many numbers.
    pub(crate) fn f32s(&mut self, count: usize) -> Result<Vec<f32>> {
        let len = count.checked_mul(4).ok_or_else(|| self.damaged("a length is too large"))?;
        Ok(self.take(len)?.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    pub(crate) fn id(&mut self) -> Result<Id> {
        match self.u8()? {
            0 => self.u64().map(Id::Num),
            1 => {
                let len = self.u16()?;
                let text = std::str::from_utf8(self.take(len.into())?);
                let id = text.ok().and_then(|text| Id::text(text).ok());
                id.ok_or_else(|| self.damaged("an id is none"))
            }
            _ => Err(self.damaged("an id is of an unknown kind")),
        }
    }

    /// That nothing is left.
    pub(crate) fn end(&self) -> Result<()> {
        if self.bytes.is_empty() { Ok(()) } else { Err(self.damaged("something is behind its end")) }
    }
}

pub(crate) fn write_id(out: &mut Vec<u8>, id: &Id) {
    match id {
        Id::Num(n) => {
            out.push(0);
            out.extend_from_slice(&n.to_le_bytes());
        }
        Id::Text(text) => {
            out.push(1);
            out.extend_from_slice(&(text.len() as u16).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

pub(crate) fn write_f32s(out: &mut Vec<u8>, values: &[f32]) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

/// An error about what a store held.
pub(crate) fn damaged(what: &str, why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, Op::Get, format!("{what} is damaged: {why}"))
}
