//! A file that has a line for each vector.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use larder::{Error, ErrorKind, Op};

use crate::error::{Failure, Result};

/// A line above this is none.
const LONGEST: u64 = 1 << 20;

/// Lines, one after the other.
#[derive(Debug)]
pub(crate) struct Lines {
    file: BufReader<File>,
    path: PathBuf,
    line: u64,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> Result<Lines> {
        let file = File::open(path).map_err(|e| Failure::io(path.display(), e))?;
        Ok(Lines { file: BufReader::new(file), path: path.to_owned(), line: 0 })
    }

    /// The next line, if there is one.
    pub(crate) fn next(&mut self) -> larder::Result<Option<String>> {
        let mut bytes = Vec::new();
        let read = (&mut self.file).take(LONGEST).read_until(b'\n', &mut bytes);
        let read = read.map_err(|e| self.wrong(&format!("it cannot be read on: {e}")))?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        if read as u64 == LONGEST {
            return Err(self.wrong("it is longer than 1 MiB"));
        }
        let line = String::from_utf8(bytes).map_err(|_| self.wrong("it is not UTF-8"))?;
        Ok(Some(line.trim_end_matches(['\n', '\r']).to_owned()))
    }

    /// The line of the vector of this number.
    pub(crate) fn of(&mut self, row: u64) -> larder::Result<String> {
        self.next()?.ok_or_else(|| {
            let why = format!("{} ends behind line {}", self.path.display(), self.line);
            Error::new(ErrorKind::Invalid, Op::Import, format!("{why}, and there is a vector {row}"))
                .hint("it has a line for each vector")
        })
    }

    /// Refuses lines that no vector has.
    pub(crate) fn end(&mut self) -> larder::Result<()> {
        match self.next()? {
            None => Ok(()),
            Some(_) => Err(self.wrong("there is no vector for it").hint("it has a line for each vector")),
        }
    }

    /// An error in the line that was read last.
    pub(crate) fn wrong(&self, why: &str) -> Error {
        let why = format!("{}, line {}: {why}", self.path.display(), self.line);
        Error::new(ErrorKind::Invalid, Op::Import, why)
    }
}
