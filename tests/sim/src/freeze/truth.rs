//! What the origin held when, as its writer tells it: in a file, by the real monotonic clock.
//!
//! Each key has a row of writes, numbered from 1 on. A write is begun before the origin is asked and acknowledged after
//! it has answered, so it was surely not there before the one instant, and surely there after the other until the next
//! one was begun.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::{Outcome, clock};

/// The most writes of a key.
pub(super) const MOST: u64 = 1 << 16;
/// The first word of a row: how many writes were begun. Then two words for each: when it was begun, with the highest bit
/// set if it removed the value; and when it was acknowledged.
const ROW: u64 = 8 + MOST * 16;
const GONE: u64 = 1 << 63;

/// The file.
#[derive(Debug)]
pub(super) struct Truth(File);

/// What a read said: the number of the write whose value it was, or nothing.
pub(super) type Seen = Option<u64>;

impl Truth {
    /// A new one, in which every key is absent.
    pub(super) fn create(path: &Path, keys: u64) -> Outcome<Truth> {
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        file.set_len(keys * ROW)?;
        Ok(Truth(file))
    }

    pub(super) fn open(path: &Path) -> Outcome<Truth> {
        Ok(Truth(File::options().read(true).write(true).open(path)?))
    }

    /// How many writes of a key were begun.
    pub(super) fn begun(&self, key: u64) -> Outcome<u64> {
        self.word(key * ROW)
    }

    /// A write begins: its number.
    pub(super) fn begin(&self, key: u64, removes: bool) -> Outcome<u64> {
        let number = self.begun(key)? + 1;
        let when = clock::nanos() | if removes { GONE } else { 0 };
        self.0.write_all_at(&when.to_le_bytes(), at(key, number))?;
        self.0.write_all_at(&number.to_le_bytes(), key * ROW)?;
        Ok(number)
    }

    /// It was acknowledged.
    pub(super) fn end(&self, key: u64, number: u64) -> Outcome {
        Ok(self.0.write_all_at(&clock::nanos().to_le_bytes(), at(key, number) + 8)?)
    }

    /// How long before `begin` the origin last held what was seen, in nanoseconds: 0 if it may have held it since then.
    /// `None` if it never held it.
    pub(super) fn staleness(&self, key: u64, seen: Seen, begin: u64) -> Outcome<Option<u64>> {
        let newest = self.begun(key)?;
        let mut number = match seen {
            Some(number) if number == 0 || number > newest => return Ok(None),
            Some(number) => number,
            None => newest,
        };
        loop {
            let fits = match (seen, number) {
                (Some(_), _) => true,
                (None, 0) => true,
                (None, number) => self.word(at(key, number))? & GONE != 0,
            };
            if fits {
                let until = if number == newest { 0 } else { self.word(at(key, number + 1) + 8)? };
                // The next one is not acknowledged: this one may still be there.
                return Ok(Some(if until == 0 { 0 } else { begin.saturating_sub(until) }));
            }
            // What was absent when was removed last.
            number -= 1;
        }
    }

    fn word(&self, at: u64) -> Outcome<u64> {
        let mut word = [0; 8];
        self.0.read_exact_at(&mut word, at)?;
        Ok(u64::from_le_bytes(word))
    }
}

fn at(key: u64, number: u64) -> u64 {
    key * ROW + 8 + (number - 1) * 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_how_stale_an_answer_is() {
        let folder = tempfile::tempdir().unwrap();
        let truth = Truth::create(&folder.path().join("truth"), 2).unwrap();
        let stale = |seen| truth.staleness(1, seen, clock::nanos()).unwrap();
        assert_eq!((stale(None), stale(Some(1))), (Some(0), None));
        let first = truth.begin(1, false).unwrap();
        assert_eq!((first, stale(None), stale(Some(1))), (1, Some(0), Some(0)));
        truth.end(1, 1).unwrap();
        assert!(stale(None).unwrap() > 0);
        assert_eq!(truth.begin(1, true).unwrap(), 2);
        assert_eq!((stale(Some(1)), stale(None)), (Some(0), Some(0)));
        truth.end(1, 2).unwrap();
        assert!(stale(Some(1)).unwrap() > 0);
        assert_eq!((stale(None), stale(Some(2)), stale(Some(3))), (Some(0), Some(0), None));
        assert_eq!(truth.staleness(1, Some(1), 5).unwrap(), Some(0));
        truth.begin(1, false).unwrap();
        truth.end(1, 3).unwrap();
        assert!(stale(None).unwrap() > 0);
        assert_eq!(truth.begun(0).unwrap(), 0);
    }
}
