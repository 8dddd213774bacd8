//! Sorting what does not fit in memory: sorted runs in a file without a name, merged when they are read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::os::fd::OwnedFd;

use rustix::io::{Errno, Result, pread};

use super::entry::{Entry, What};
use crate::file::temp::write_all;

/// How many runs are merged into one.
const FAN: usize = 32;
/// Bytes read or written at once for a run.
const BUFFER: usize = 16 * 1024;
/// Bytes in front of an entry: its kind, and the length of its text.
const HEADER: usize = 3;

/// Entries on the disk, sorted in runs.
#[derive(Debug)]
pub(super) struct Spill {
    file: OwnedFd,
    end: u64,
    /// Runs by how often they were merged: at most [`FAN`] of each, so that as few buffers are open at once.
    levels: Vec<Vec<Run>>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    start: u64,
    end: u64,
}

impl Spill {
    pub(super) fn new(file: OwnedFd) -> Spill {
        Spill { file, end: 0, levels: Vec::new() }
    }

    /// Writes entries as a run, and forgets them.
    pub(super) fn add(&mut self, entries: &mut Vec<Entry>) -> Result<()> {
        entries.sort_unstable();
        let mut writer = Writer::new(self);
        for entry in entries.drain(..) {
            writer.push(&entry)?;
        }
        let run = writer.end()?;
        self.keep(run, 0)
    }

    fn keep(&mut self, run: Run, level: usize) -> Result<()> {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(run);
        if self.levels[level].len() < FAN {
            return Ok(());
        }
        let runs = std::mem::take(&mut self.levels[level]);
        let mut merge = Merge::new(&self.file, runs)?;
        let mut writer = Writer::new(self);
        while let Some(entry) = merge.next(&writer.spill.file)? {
            writer.push(&entry)?;
        }
        let run = writer.end()?;
        self.keep(run, level + 1)
    }

    /// All of them, in order.
    pub(super) fn sorted(self) -> Result<Sorted> {
        let runs = self.levels.into_iter().flatten().collect();
        let merge = Merge::new(&self.file, runs)?;
        Ok(Sorted { file: self.file, merge })
    }
}

/// Appends one run.
struct Writer<'s> {
    spill: &'s mut Spill,
    start: u64,
    buffer: Vec<u8>,
}

impl Writer<'_> {
    fn new(spill: &mut Spill) -> Writer<'_> {
        let start = spill.end;
        Writer { spill, start, buffer: Vec::with_capacity(BUFFER) }
    }

    fn push(&mut self, entry: &Entry) -> Result<()> {
        let len = u16::try_from(entry.text.len()).map_err(|_| Errno::NAMETOOLONG)?;
        self.buffer.push(entry.what.to_byte());
        self.buffer.extend_from_slice(&len.to_le_bytes());
        self.buffer.extend_from_slice(&entry.text);
        if self.buffer.len() >= BUFFER { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        write_all(&self.spill.file, self.spill.end, &[&self.buffer])?;
        self.spill.end += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn end(mut self) -> Result<Run> {
        self.write()?;
        Ok(Run { start: self.start, end: self.spill.end })
    }
}

/// Entries on the disk, read in order.
#[derive(Debug)]
pub(super) struct Sorted {
    file: OwnedFd,
    merge: Merge,
}

impl Sorted {
    pub(super) fn next(&mut self) -> Result<Option<Entry>> {
        self.merge.next(&self.file)
    }
}

/// Several runs as one.
#[derive(Debug)]
struct Merge {
    readers: Vec<Reader>,
    /// The next entry of each run that has one.
    heads: BinaryHeap<Reverse<(Entry, usize)>>,
    last: Option<Entry>,
}

impl Merge {
    fn new(file: &OwnedFd, runs: Vec<Run>) -> Result<Merge> {
        let readers = runs.into_iter().map(Reader::new).collect();
        let mut merge = Merge { readers, heads: BinaryHeap::new(), last: None };
        for number in 0..merge.readers.len() {
            merge.refill(file, number)?;
        }
        Ok(merge)
    }

    fn refill(&mut self, file: &OwnedFd, number: usize) -> Result<()> {
        if let Some(entry) = self.readers[number].next(file)? {
            self.heads.push(Reverse((entry, number)));
        }
        Ok(())
    }

    fn next(&mut self, file: &OwnedFd) -> Result<Option<Entry>> {
        while let Some(Reverse((entry, number))) = self.heads.pop() {
            self.refill(file, number)?;
            // A folder that changes while it is read may give a name twice.
            if self.last.as_ref() != Some(&entry) {
                self.last = Some(entry.clone());
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

/// Reads one run.
#[derive(Debug)]
struct Reader {
    run: Run,
    buffer: Vec<u8>,
    at: usize,
}

impl Reader {
    fn new(run: Run) -> Reader {
        Reader { run, buffer: Vec::new(), at: 0 }
    }

    fn next(&mut self, file: &OwnedFd) -> Result<Option<Entry>> {
        if !self.have(file, HEADER)? {
            return Ok(None);
        }
        let header = &self.buffer[self.at..self.at + HEADER];
        let (what, len) = (What::of_byte(header[0]), usize::from(u16::from_le_bytes([header[1], header[2]])));
        let (Some(what), true) = (what, self.have(file, HEADER + len)?) else { return Err(Errno::IO) };
        let start = self.at + HEADER;
        self.at = start + len;
        Ok(Some(Entry { text: self.buffer[start..self.at].into(), what }))
    }

    /// Whether so many bytes are left; if so, they are in the buffer.
    fn have(&mut self, file: &OwnedFd, len: usize) -> Result<bool> {
        if self.buffer.len() - self.at >= len {
            return Ok(true);
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        while self.buffer.len() < len && self.run.start < self.run.end {
            let old = self.buffer.len();
            let more = BUFFER.max(len).min((self.run.end - self.run.start) as usize);
            self.buffer.resize(old + more, 0);
            let read = match pread(file, &mut self.buffer[old..], self.run.start) {
                Ok(0) => return Err(Errno::IO),
                Ok(read) => read,
                Err(Errno::INTR) => 0,
                Err(e) => return Err(e),
            };
            self.buffer.truncate(old + read);
            self.run.start += read as u64;
        }
        Ok(self.buffer.len() >= len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_runs_come_back_in_order_and_without_doubles() {
        let file = tempfile::tempfile().unwrap();
        let mut spill = Spill::new(file.into());
        let mut expected = Vec::new();
        // More runs than are merged at once, of texts of every length around a buffer's share.
        for run in 0..FAN * 3 + 5 {
            let mut entries: Vec<_> = (0..200)
                .map(|i| {
                    let number = (i * 7919 + run * 104_729) % 30_011;
                    let text = format!("{number:05}{}", "x".repeat(number % 300));
                    Entry { text: text.into_bytes().into(), what: What::of_byte((number % 4) as u8).unwrap() }
                })
                .collect();
            expected.extend(entries.iter().cloned());
            spill.add(&mut entries).unwrap();
            assert!(entries.is_empty());
        }
        assert!(spill.levels.len() > 1 && spill.levels.iter().all(|level| level.len() < FAN));
        expected.sort();
        expected.dedup();
        let mut sorted = spill.sorted().unwrap();
        let mut read = Vec::new();
        while let Some(entry) = sorted.next().unwrap() {
            read.push(entry);
        }
        assert_eq!(read, expected);
        assert!(expected.len() > 10_000);
    }

    #[test]
    fn nothing_is_nothing() {
        let mut spill = Spill::new(tempfile::tempfile().unwrap().into());
        spill.add(&mut Vec::new()).unwrap();
        assert_eq!(spill.sorted().unwrap().next().unwrap(), None);
    }
}
