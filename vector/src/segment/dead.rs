//! Which rows of a segment are deleted or replaced: a bit for each.

use bytes::Bytes;
use larder_store_core::Result;

use crate::bytes::Reader;
use crate::envelope::{self, Kind};

/// Bits, a word for each 64 rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Dead {
    words: Vec<u64>,
    count: u32,
}

impl Dead {
    /// None of so many rows.
    pub(crate) fn none(rows: usize) -> Dead {
        Dead { words: vec![0; rows.div_ceil(64)], count: 0 }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    pub(crate) fn has(&self, row: usize) -> bool {
        self.words[row / 64] >> (row % 64) & 1 == 1
    }

    pub(crate) fn add(&mut self, row: usize) {
        if !self.has(row) {
            self.words[row / 64] |= 1 << (row % 64);
            self.count += 1;
        }
    }

    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    pub(crate) fn encode(&self, name: &str, rows: usize) -> Bytes {
        let mut body = (rows as u32).to_le_bytes().to_vec();
        body.extend(self.words.iter().flat_map(|word| word.to_le_bytes()));
        envelope::seal(Kind::Dead, name, &body)
    }

    pub(crate) fn decode(name: &str, object: &Bytes, rows: usize) -> Result<Dead> {
        let body = envelope::open(Kind::Dead, name, object)?;
        let mut reader = Reader::new(&body, "a bitmap of deleted rows");
        if reader.u32()? as usize != rows {
            return Err(reader.damaged("it is of another number of rows"));
        }
        let words = (0..rows.div_ceil(64)).map(|_| reader.u64()).collect::<Result<Vec<_>>>()?;
        reader.end()?;
        if !rows.is_multiple_of(64) && words.last().is_some_and(|last| last >> (rows % 64) != 0) {
            return Err(reader.damaged("it names rows that there are not"));
        }
        let count = words.iter().map(|word| word.count_ones()).sum();
        Ok(Dead { words, count })
    }
}
