//! What a child did, in a file that outlives it: a line before each write, and one after it.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use crate::Outcome;

/// A write.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Write {
    pub(super) op: u64,
    /// Whether rows are removed.
    pub(super) delete: bool,
    pub(super) ids: Vec<u64>,
    pub(super) fate: Fate,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Made,
    NotMade,
    /// Nobody was told.
    Open,
}

/// Writes the log of a child. The page cache keeps what was written when the process dies.
#[derive(Debug)]
pub(super) struct Log(File);

impl Log {
    pub(super) fn create(path: &Path) -> Outcome<Log> {
        Ok(Log(File::options().create_new(true).append(true).open(path)?))
    }

    pub(super) fn begin(&self, op: u64, delete: bool, ids: &[u64]) -> Outcome {
        let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
        self.line(format!("{} {op} {}\n", if delete { "delete" } else { "upsert" }, ids.join(",")))
    }

    pub(super) fn end(&self, op: u64, fate: Fate) -> Outcome {
        let fate = match fate {
            Fate::Made => "made",
            Fate::NotMade => "not-made",
            Fate::Open => return Ok(()),
        };
        self.line(format!("{fate} {op} \n"))
    }

    /// Says something else.
    pub(super) fn say(&self, what: &str) -> Outcome {
        self.line(format!("say 0 {}\n", what.replace('\n', " ")))
    }

    fn line(&self, line: String) -> Outcome {
        Ok((&self.0).write_all(line.as_bytes())?)
    }
}

/// What a log says: the writes in their order, and what else was said.
pub(super) fn read(path: &Path) -> Outcome<(Vec<Write>, Vec<String>)> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        // It was killed before it came so far.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(e.into()),
    };
    let (mut writes, mut said) = (Vec::<Write>::new(), Vec::new());
    // A line without its end was not finished.
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let mut words = line.splitn(3, ' ');
        let (word, op, rest) = (words.next(), words.next(), words.next());
        let (Some(word), Some(op), Some(rest)) = (word, op, rest) else {
            return Err("a log is damaged".into());
        };
        let op: u64 = op.parse()?;
        match word {
            "say" => said.push(rest.to_owned()),
            "upsert" | "delete" => {
                let ids = rest.split(',').map(str::parse).collect::<Result<_, _>>()?;
                writes.push(Write { op, delete: word == "delete", ids, fate: Fate::Open });
            }
            _ => {
                let write =
                    writes.iter_mut().find(|write| write.op == op).ok_or("an end without a beginning")?;
                write.fate = if word == "made" { Fate::Made } else { Fate::NotMade };
            }
        }
    }
    Ok((writes, said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_comes_back_as_far_as_it_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        assert!(read(&path).unwrap().0.is_empty());
        let log = Log::create(&path).unwrap();
        log.begin(1, false, &[4, 5]).unwrap();
        log.end(1, Fate::Made).unwrap();
        log.begin(2, true, &[4]).unwrap();
        log.say("fenced").unwrap();
        (&log.0).write_all(b"made 2").unwrap();
        let (writes, said) = read(&path).unwrap();
        let write = |op, delete, ids: &[u64], fate| Write { op, delete, ids: ids.to_vec(), fate };
        assert_eq!(writes, [write(1, false, &[4, 5], Fate::Made), write(2, true, &[4], Fate::Open)]);
        assert_eq!(said, ["fenced"]);
    }
}
