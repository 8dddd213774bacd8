//! What a worker did, in a file that outlives it.
//!
//! Each record has 64 bytes, so that none crosses a page: a kill leaves whole records. A record of a beginning is in
//! the file before the call is made, one of an answer after it came. The page cache keeps them when the process dies.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::clock::Took;
use crate::model::{Action, Event, Outcome, Pre};
use crate::value::{WriteNo, hash};
use crate::{Failure, clock};

const RECORD: usize = 64;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Record {
    /// The store was opened, which took so long.
    Opened(Took),
    /// An operation begins.
    Begin { op: u64, key: usize, action: Action, group: Option<u64> },
    /// It was answered, for a read perhaps by a front.
    End { op: u64, outcome: Outcome, hit: bool },
    /// It was answered in a way that says nothing about the key.
    Void { op: u64 },
}

/// Writes the log of a worker.
#[derive(Debug)]
pub(super) struct Log(File);

impl Log {
    pub(super) fn create(path: &Path) -> std::io::Result<Log> {
        Ok(Log(File::options().create_new(true).append(true).open(path)?))
    }

    /// Adds records, stamped with this instant.
    pub(super) fn add(&self, records: &[Record]) -> std::io::Result<()> {
        let mut bytes = Vec::with_capacity(records.len() * RECORD);
        let now = clock::nanos();
        for record in records {
            bytes.extend_from_slice(&encode(now, record));
        }
        (&self.0).write_all(&bytes)
    }
}

/// What the log of a worker says.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) opened: Option<Took>,
    pub(super) events: Vec<Event>,
    pub(super) acknowledged: u64,
    pub(super) reads: u64,
    pub(super) hits: u64,
}

/// Reads the log of worker `who`, which was surely gone at `gone`.
pub(super) fn read(path: &Path, who: u32, gone: u64) -> Result<Read, Failure> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        // It was killed before it came so far.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(e.into()),
    };
    let mut read = Read::default();
    let mut open = std::collections::HashMap::new();
    for chunk in bytes.chunks_exact(RECORD) {
        let (at, record) = decode(chunk).ok_or("a record of a worker's log is damaged")?;
        match record {
            Record::Opened(time) => read.opened = Some(time),
            Record::Begin { op, key, action, group } => {
                let event =
                    Event { key, who, begin: at, end: gone, action, outcome: Outcome::Unknown, group };
                open.insert(op, read.events.len());
                read.events.push(event);
            }
            Record::End { op, outcome, hit } => {
                let event = open.get(&op).and_then(|i| read.events.get_mut(*i));
                let event = event.ok_or("a worker's log has an answer without a beginning")?;
                (event.end, event.outcome) = (at, outcome);
                read.acknowledged += u64::from(event.writes());
                read.reads += u64::from(event.action == Action::Read);
                read.hits += u64::from(hit);
            }
            Record::Void { op } => {
                let event = open.get(&op).and_then(|i| read.events.get_mut(*i));
                let event = event.ok_or("a worker's log has an answer without a beginning")?;
                // A read without an answer says nothing, and is left out below.
                (event.action, event.outcome) = (Action::Read, Outcome::Unknown);
            }
        }
    }
    read.events.retain(|e| !(e.action == Action::Read && e.outcome == Outcome::Unknown));
    Ok(read)
}

fn encode(now: u64, record: &Record) -> [u8; RECORD] {
    let mut words = [0u64; RECORD / 8];
    words[1] = now;
    words[0] = match *record {
        Record::Opened(took) => {
            words[2] = took.wall.as_nanos() as u64;
            words[3] = took.own.as_nanos() as u64;
            1
        }
        Record::Begin { op, key, action, group } => {
            let (code, write, other) = match action {
                Action::Read => (0, 0, 0),
                Action::Put(write, Pre::Any) => (1, write, 0),
                Action::Put(write, Pre::Absent) => (2, write, 0),
                Action::Put(write, Pre::Matches(other)) => (3, write, other),
                Action::Delete(only) => (4, 0, only.unwrap_or(0)),
            };
            words[2] = op;
            words[3] = write;
            words[4] = other;
            words[5] = group.unwrap_or(0);
            2 | code << 8 | (key as u64) << 16
        }
        Record::End { op, outcome, hit } => {
            let (code, write) = match outcome {
                Outcome::Read(state) => (0, state.unwrap_or(0)),
                Outcome::Written => (1, 0),
                Outcome::Removed(None) => (2, 0),
                Outcome::Removed(Some(false)) => (3, 0),
                Outcome::Removed(Some(true)) => (4, 0),
                Outcome::Conflict => (5, 0),
                Outcome::Unknown => (6, 0),
                Outcome::Echo => (7, 0),
            };
            words[2] = op;
            words[3] = write;
            words[4] = u64::from(hit);
            3 | code << 8
        }
        Record::Void { op } => {
            words[2] = op;
            4
        }
    };
    let mut bytes = [0; RECORD];
    for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    let sum = hash(&bytes[..RECORD - 8]);
    bytes[RECORD - 8..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(u64, Record)> {
    let mut words =
        bytes.chunks_exact(8).map(|chunk| u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
    let words: [u64; RECORD / 8] = std::array::from_fn(|_| words.next().unwrap_or_default());
    if words[RECORD / 8 - 1] != hash(&bytes[..RECORD - 8]) {
        return None;
    }
    let some = |word: WriteNo| Some(word).filter(|word| *word != 0);
    let (code, op) = (words[0] >> 8 & 0xff, words[2]);
    let record = match words[0] & 0xff {
        1 => {
            Record::Opened(Took { wall: Duration::from_nanos(words[2]), own: Duration::from_nanos(words[3]) })
        }
        2 => {
            let action = match code {
                0 => Action::Read,
                1 => Action::Put(words[3], Pre::Any),
                2 => Action::Put(words[3], Pre::Absent),
                3 => Action::Put(words[3], Pre::Matches(words[4])),
                4 => Action::Delete(some(words[4])),
                _ => return None,
            };
            Record::Begin { op, key: (words[0] >> 16) as usize, action, group: some(words[5]) }
        }
        3 => {
            let outcome = match code {
                0 => Outcome::Read(some(words[3])),
                1 => Outcome::Written,
                2 => Outcome::Removed(None),
                3 => Outcome::Removed(Some(false)),
                4 => Outcome::Removed(Some(true)),
                5 => Outcome::Conflict,
                6 => Outcome::Unknown,
                7 => Outcome::Echo,
                _ => return None,
            };
            Record::End { op, outcome, hit: words[4] != 0 }
        }
        4 => Record::Void { op },
        _ => return None,
    };
    Some((words[1], record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back() {
        let begin = |op, action| Record::Begin { op, key: 3, action, group: None };
        let took = Took { wall: Duration::from_micros(5), own: Duration::from_micros(4) };
        let mut records = vec![Record::Opened(took), Record::Void { op: 9 }];
        let actions = [
            Action::Read,
            Action::Put(7, Pre::Any),
            Action::Put(7, Pre::Absent),
            Action::Put(7, Pre::Matches(6)),
            Action::Delete(None),
            Action::Delete(Some(4)),
        ];
        records.extend(actions.map(|action| begin(8, action)));
        records.push(Record::Begin { op: 1, key: 500, action: Action::Read, group: Some(2) });
        let outcomes = [
            Outcome::Read(None),
            Outcome::Read(Some(3)),
            Outcome::Written,
            Outcome::Removed(None),
            Outcome::Removed(Some(true)),
            Outcome::Removed(Some(false)),
            Outcome::Conflict,
            Outcome::Unknown,
            Outcome::Echo,
        ];
        records.extend(outcomes.map(|outcome| Record::End {
            op: 8,
            outcome,
            hit: outcome == Outcome::Read(Some(3)),
        }));
        for record in records {
            let bytes = encode(77, &record);
            assert_eq!(decode(&bytes), Some((77, record)));
            let mut bad = bytes;
            bad[17] ^= 1;
            assert_eq!(decode(&bad), None);
        }
    }

    #[test]
    fn a_log_is_read_as_far_as_it_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        assert!(read(&path, 1, 9).unwrap().events.is_empty());
        let log = Log::create(&path).unwrap();
        let begin = |op, action| Record::Begin { op, key: 0, action, group: None };
        let took = Took::default();
        log.add(&[Record::Opened(took), begin(1, Action::Put(5, Pre::Any))]).unwrap();
        log.add(&[Record::End { op: 1, outcome: Outcome::Written, hit: false }, begin(2, Action::Read)])
            .unwrap();
        log.add(&[
            begin(3, Action::Delete(None)),
            begin(4, Action::Put(6, Pre::Any)),
            Record::Void { op: 4 },
        ])
        .unwrap();
        (&log.0).write_all(&[1; 30]).unwrap();
        let gone = clock::nanos() + 1;
        let read = read(&path, 1, gone).unwrap();
        assert_eq!(read.opened, Some(took));
        assert_eq!(read.acknowledged, 1);
        let ends: Vec<_> = read.events.iter().map(|e| (e.outcome, e.end == gone)).collect();
        assert_eq!(ends, [(Outcome::Written, false), (Outcome::Unknown, true)]);
    }
}
