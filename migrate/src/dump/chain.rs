//! What ties the segments of a dump together.

use std::cmp::Ordering;

use larder_store_core::{Key, Result as Fallible};

use super::damage::{Damage, Result};
use super::head::{Header, Totals, Trailer};
use super::item::{self, Digest, Facts};
use super::segment::{self, Last, Piece, Segment};

/// Follows the segments of a dump in their order, and says whether each continues what came before.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) running: Digest,
    pub(crate) totals: Totals,
    /// The last key that was begun.
    pub(crate) key: Option<Key>,
    /// The header of the first part that was read.
    pub(crate) header: Option<Header>,
    pub(crate) part: u64,
    pub(crate) trailer: Option<Trailer>,
    /// Whether these are lines of others, without header, digests and trailer.
    pub(crate) lines: bool,
    open: Option<Open>,
    // Set behind a value that was abandoned.
    again: bool,
    // Set where reading begins in the middle: what came before is taken as the header says.
    mid: bool,
}

#[derive(Debug, Clone)]
struct Open {
    key: Key,
    facts: Facts,
    size: u64,
    seen: u64,
    pieces: blake3::Hasher,
    /// What had come before it.
    before: Totals,
}

impl Chain {
    /// From the beginning of a dump.
    pub(crate) fn new() -> Chain {
        Chain {
            running: [0; 32],
            totals: Totals::default(),
            key: None,
            header: None,
            part: 0,
            trailer: None,
            lines: false,
            open: None,
            again: false,
            mid: false,
        }
    }

    /// From the beginning of a part that is not the first: what came before is what its header says.
    pub(crate) fn of_part() -> Chain {
        Chain { mid: true, ..Chain::new() }
    }

    /// In the middle, between two entries, where an earlier reader had come to.
    pub(crate) fn at(header: Header, part: u64, running: Digest, totals: Totals, key: Option<Key>) -> Chain {
        Chain { header: Some(header), part, running, totals, key, ..Chain::new() }
    }

    /// Whether a value in chunks is under way.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Takes the next segment in, if it is one.
    ///
    /// # Errors
    /// `Corrupt`, with the place.
    pub(crate) fn accept(&mut self, segment: &Segment, place: &str) -> Fallible<()> {
        self.step(segment).map_err(|damage| damage.at(place))
    }

    fn step(&mut self, segment: &Segment) -> Result<()> {
        if self.trailer.is_some() {
            return Err(Damage::Wrong("something stands behind the trailer"));
        }
        if matches!(segment.last, Last::Lines) {
            self.lines = true;
            return segment.pieces.iter().try_for_each(|piece| self.piece(piece));
        }
        self.enter(segment)?;
        for piece in &segment.pieces {
            self.piece(piece)?;
        }
        self.running = segment::run_on(&self.running, &segment.proofs);
        let (entries, bytes) = match &segment.last {
            Last::Lines => return Err(Damage::Wrong("lines without a header in a dump")),
            Last::Checkpoint { entries, bytes } => (*entries, *bytes),
            Last::Trailer(trailer) => {
                if self.open.is_some() {
                    return Err(Damage::Wrong("the trailer stands in the middle of a value"));
                }
                if trailer.parts != self.part.saturating_add(1) {
                    return Err(Damage::Wrong("the trailer speaks of another number of parts"));
                }
                self.trailer = Some(Trailer::clone(trailer));
                if trailer.totals != self.totals {
                    return Err(Damage::Wrong("the trailer's totals are not those of the entries"));
                }
                (trailer.totals.entries, trailer.totals.bytes)
            }
        };
        if (entries, bytes) != (self.totals.entries, self.totals.bytes) {
            return Err(Damage::Wrong("there are more or fewer entries than the checkpoint says"));
        }
        if segment.running != self.running {
            return Err(Damage::Wrong("what came so far does not match the running digest"));
        }
        Ok(())
    }

    fn enter(&mut self, segment: &Segment) -> Result<()> {
        match (&segment.header, &self.header) {
            (None, None) => Err(Damage::Wrong("a dump begins with its header")),
            (None, Some(_)) => Ok(()),
            (Some(header), None) => {
                if self.mid {
                    self.running = header.before;
                    self.totals = header.totals;
                    self.key = header.after.clone();
                    self.part = header.part;
                } else if header.part != 0 || header.before != [0; 32] {
                    return Err(Damage::Wrong("the first part is not here"));
                }
                self.header = Some(header.clone());
                Ok(())
            }
            (Some(header), Some(first)) => {
                if header.id != first.id {
                    return Err(Damage::Wrong("a part of another dump"));
                }
                let told = (header.part, header.before, header.totals, &header.after);
                if self.open.is_some()
                    || told != (self.part.saturating_add(1), self.running, self.totals, &self.key)
                {
                    return Err(Damage::Wrong("a part that does not continue the one before"));
                }
                self.part = self.part.saturating_add(1);
                Ok(())
            }
        }
    }

    fn next_key(&mut self, key: &Key) -> Result<()> {
        if self.open.is_some() {
            return Err(Damage::Wrong("an entry in the middle of another"));
        }
        // What was abandoned may come once more.
        let again = std::mem::take(&mut self.again);
        match self.key.as_ref().map(|last| last.cmp(key)) {
            None | Some(Ordering::Less) => {}
            // Others may write in any order.
            _ if self.lines => {}
            Some(Ordering::Equal) if again => {}
            _ => return Err(Damage::Wrong("keys are not in order, or one is there twice")),
        }
        self.key = Some(key.clone());
        Ok(())
    }

    fn piece(&mut self, piece: &Piece) -> Result<()> {
        match piece {
            Piece::Entry(entry) => {
                self.next_key(&entry.key)?;
                self.totals.begin(&entry.key, &entry.facts, entry.value.len() as u64);
                self.totals.entries = self.totals.entries.saturating_add(1);
                self.totals.bytes = self.totals.bytes.saturating_add(entry.value.len() as u64);
            }
            Piece::Begin { key, facts, size } => {
                self.next_key(key)?;
                let pieces = blake3::Hasher::new();
                let before = self.totals;
                self.totals.begin(key, facts, *size);
                self.open = Some(Open {
                    key: key.clone(),
                    facts: facts.clone(),
                    size: *size,
                    seen: 0,
                    pieces,
                    before,
                });
            }
            Piece::Chunk(bytes, digest) => {
                let open = self.open.as_mut().ok_or(Damage::Wrong("a chunk of nothing"))?;
                open.seen = open.seen.saturating_add(bytes.len() as u64);
                if open.seen > open.size {
                    return Err(Damage::Wrong("a value is longer than it was said to be"));
                }
                open.pieces.update(digest);
                self.totals.bytes = self.totals.bytes.saturating_add(bytes.len() as u64);
            }
            Piece::End(digest) => {
                let mut open = self.open.take().ok_or(Damage::Wrong("the end of nothing"))?;
                if open.seen != open.size {
                    return Err(Damage::Wrong("a value is shorter than it was said to be"));
                }
                open.pieces.update(&item::context(&open.key, &open.facts));
                if Digest::from(open.pieces.finalize()) != *digest {
                    return Err(Damage::Entry(open.key));
                }
                self.totals.entries = self.totals.entries.saturating_add(1);
            }
            Piece::Abandon => {
                let open =
                    self.open.take().ok_or(Damage::Wrong("something was abandoned that was not begun"))?;
                self.totals = open.before;
                self.again = true;
            }
        }
        Ok(())
    }
}
