//! An upload that comes in pieces.

use std::sync::Arc;

use super::bucket::Conditions;
use super::object::{Draft, Object};
use super::sums::{Said, Summing, Sums};
use crate::content::{Content, Spool, Writer};

/// What is kept of pieces that break off is a multiple of this, and so is every piece but the last (Cloud Storage,
/// "Resumable uploads").
pub(super) const QUANTUM: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Session {
    pub(super) bucket: String,
    pub(super) name: String,
    pub(super) draft: Draft,
    pub(super) said: Said,
    pub(super) conditions: Conditions,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Open(Box<Taking>),
    /// A request is taking a piece in.
    Busy,
    Done(Arc<Object>),
    Cancelled,
}

/// The bytes that came so far.
#[derive(Debug)]
pub(super) struct Taking {
    writer: Writer,
    sums: Summing,
    kept: u64,
    /// Less than a quantum that is not kept yet.
    rest: Vec<u8>,
}

impl Taking {
    pub(super) fn new(spool: &Spool) -> Self {
        Self { writer: spool.writer(), sums: Summing::new(), kept: 0, rest: Vec::new() }
    }

    /// Bytes that are kept whatever happens.
    pub(super) fn kept(&self) -> u64 {
        self.kept
    }

    /// Bytes that are here.
    pub(super) fn here(&self) -> u64 {
        self.kept + self.rest.len() as u64
    }

    pub(super) fn take(&mut self, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() {
            let room = QUANTUM - self.rest.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.rest.extend_from_slice(now);
            bytes = later;
            if self.rest.len() == QUANTUM {
                self.keep()?;
            }
        }
        Ok(())
    }

    fn keep(&mut self) -> std::io::Result<()> {
        self.writer.write(&self.rest)?;
        self.sums.update(&self.rest);
        self.kept += self.rest.len() as u64;
        self.rest.clear();
        Ok(())
    }

    /// The piece broke off: what does not fill a quantum is lost.
    pub(super) fn broke(&mut self) {
        self.rest.clear();
    }

    pub(super) fn finish(mut self) -> std::io::Result<(Content, Sums)> {
        self.keep()?;
        Ok((self.writer.finish(), self.sums.finish()))
    }
}
