//! What a worker was doing in each slot, in a file that outlives it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::Outcome;

/// What is known of a worker's writes in a slot. Each is noted before the worker does the next thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Note {
    /// None was open, or each was answered.
    Quiet = 0,
    /// One is about to be opened.
    Opening = 1,
    /// One is open.
    Open = 2,
    /// It is about to be answered.
    Answering = 3,
    /// It is about to be dropped.
    Dropping = 4,
    /// One was dropped.
    Dropped = 5,
}

impl Note {
    const ALL: [Note; 6] =
        [Note::Quiet, Note::Opening, Note::Open, Note::Answering, Note::Dropping, Note::Dropped];

    /// Whether the slot has to be in doubt when the worker is dead.
    pub(super) fn is_doubt(self) -> bool {
        matches!(self, Note::Open | Note::Dropping | Note::Dropped)
    }

    /// Whether it may be.
    pub(super) fn may_be_doubt(self) -> bool {
        self != Note::Quiet
    }
}

/// The file of a worker: a byte for each slot.
#[derive(Debug)]
pub(super) struct Ledger(File);

impl Ledger {
    pub(super) fn create(path: &Path) -> Outcome<Ledger> {
        Ok(Ledger(File::create(path)?))
    }

    pub(super) fn note(&self, at: u32, note: Note) -> Outcome {
        Ok(self.0.write_all_at(&[note as u8], u64::from(at))?)
    }
}

/// What a worker left in `slots` slots. One that died before it made its file did nothing.
pub(super) fn read(path: &Path, slots: u32) -> Outcome<Vec<Note>> {
    let bytes = match std::fs::read(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        bytes => bytes?,
    };
    (0..slots as usize)
        .map(|at| {
            let byte = bytes.get(at).copied().unwrap_or(0);
            let note = Note::ALL.get(usize::from(byte)).copied();
            note.ok_or_else(|| format!("{} has a {byte}", path.display()).into())
        })
        .collect()
}
