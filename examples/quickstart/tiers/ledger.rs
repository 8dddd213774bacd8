//! What a writer said before and after each write, in a file that outlives it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use crate::Outcome;

/// Keys that are written.
pub(super) const KEYS: usize = 64;

/// The name of a key.
pub(super) fn key(at: usize) -> String {
    format!("written while it is read/{at:02}")
}

/// The value of a key after so many writes: any mixture of two of them can be told.
pub(super) fn value(at: usize, write: u64) -> String {
    format!("key {at:02} write {write:08}\n").repeat(300)
}

/// Which write a value is of.
pub(super) fn write_of(at: usize, text: &[u8]) -> Outcome<u64> {
    let number = text.get(13..21).and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
    let number: u64 = number.ok_or_else(|| format!("key {at} holds no value of the writer"))?;
    match text == value(at, number).as_bytes() {
        true => Ok(number),
        false => Err(format!("key {at} holds a mixture of write {number} and another one").into()),
    }
}

/// The writer's side. Each line is in the file when it was written, whatever becomes of the process.
#[derive(Debug)]
pub(super) struct Pen(File);

impl Pen {
    pub(super) fn new(path: &Path) -> Outcome<Pen> {
        Ok(Pen(OpenOptions::new().append(true).open(path)?))
    }

    /// A write begins.
    pub(super) fn begins(&self, at: usize, write: u64) -> Outcome<()> {
        self.line('b', at, write)
    }

    /// The stack said that it is done.
    pub(super) fn is_done(&self, at: usize, write: u64) -> Outcome<()> {
        self.line('d', at, write)
    }

    fn line(&self, what: char, at: usize, write: u64) -> Outcome<()> {
        Ok((&self.0).write_all(format!("{what} {at:02} {write:08}\n").as_bytes())?)
    }
}

/// The reader's side.
#[derive(Debug)]
pub(super) struct Ledger {
    file: File,
    rest: Vec<u8>,
    /// The last write of each key that began, and the last that was done.
    pub(super) begun: [u64; KEYS],
    pub(super) done: [u64; KEYS],
    pub(super) writes: u64,
}

impl Ledger {
    /// A new one.
    pub(super) fn new(path: &Path) -> Outcome<Ledger> {
        File::create(path)?;
        let file = File::open(path)?;
        Ok(Ledger { file, rest: Vec::new(), begun: [0; KEYS], done: [0; KEYS], writes: 0 })
    }

    /// Reads what was added.
    pub(super) fn read_on(&mut self) -> Outcome<()> {
        self.file.read_to_end(&mut self.rest)?;
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = str::from_utf8(&line)?.trim_end();
            let mut words = line.split(' ');
            let (Some(what), Some(at), Some(write)) = (words.next(), words.next(), words.next()) else {
                return Err(format!("the writer said {line:?}").into());
            };
            let (at, write): (usize, u64) = (at.parse()?, write.parse()?);
            let of = if what == "b" { &mut self.begun } else { &mut self.done };
            *of.get_mut(at).ok_or("the writer has another key")? = write;
            self.writes += u64::from(what == "d");
        }
        Ok(())
    }
}
