//! Rows for an import: vectors, and the lines that belong to them.

use std::path::PathBuf;

use larder::vector::{Id, Row};
use larder::{Error, ErrorKind, Op};

use super::file::Rows;
use super::lines::Lines;
use super::{id, payload};

/// What rows are made of, in the order of the file.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) vectors: Rows,
    pub(crate) path: PathBuf,
    pub(crate) ids: Ids,
    pub(crate) payloads: Option<Lines>,
    pub(crate) values: Vec<f32>,
}

/// What rows are called.
#[derive(Debug)]
pub(crate) enum Ids {
    /// Numbers from this one on.
    From(u64),
    Lines(Lines),
}

impl Feed {
    /// Passes over the rows that are written already; how many there were.
    pub(crate) fn skip(&mut self, rows: u64) -> larder::Result<u64> {
        let skipped = self.vectors.skip(rows).map_err(|e| self.named(e))?;
        for row in 0..skipped {
            if let Ids::Lines(lines) = &mut self.ids {
                lines.of(row)?;
            }
            if let Some(lines) = &mut self.payloads {
                lines.of(row)?;
            }
        }
        Ok(skipped)
    }

    /// So many rows, or as many as are left; none at the end.
    pub(crate) fn next(&mut self, rows: usize) -> larder::Result<Vec<Row>> {
        let (first, dims) = (self.vectors.row(), self.vectors.dims());
        self.values.clear();
        let got = self.vectors.read(rows, &mut self.values);
        got.map_err(|e| self.named(e))?;
        let mut out = Vec::new();
        for (row, vector) in (first..).zip(self.values.chunks_exact(dims)) {
            let id = match &mut self.ids {
                Ids::From(number) => Id::Num(number.checked_add(row).ok_or_else(|| {
                    Error::new(
                        ErrorKind::Invalid,
                        Op::Import,
                        format!("vector {row} has no number as its id"),
                    )
                })?),
                Ids::Lines(lines) => {
                    let line = lines.of(row)?;
                    id::parse(&line).map_err(|e| lines.wrong(e.why()))?
                }
            };
            let payload = match &mut self.payloads {
                Some(lines) => {
                    let line = lines.of(row)?;
                    payload::parse(&line).map_err(|e| lines.wrong(e.why()))?
                }
                None => Default::default(),
            };
            out.push(Row { id, vector: vector.to_vec(), payload });
        }
        if out.is_empty() {
            if let Ids::Lines(lines) = &mut self.ids {
                lines.end()?;
            }
            self.payloads.as_mut().map_or(Ok(()), Lines::end)?;
        }
        Ok(out)
    }

    fn named(&self, error: Error) -> Error {
        Error::new(error.kind(), Op::Import, format!("{}: {}", self.path.display(), error.why()))
    }
}
