//! Rows of a file of vectors, some at a time.

use std::fmt;
use std::io::{self, Read};

use larder_store_core::{Error, ErrorKind, Op, Result};

use crate::{fvecs, npy};

/// More values than a vector has: whoever says so is damaged.
const MAX_DIMS: usize = 1 << 16;
/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

/// What numbers look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    F16,
    F32,
    F64,
}

impl Width {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Width::F16 => 2,
            Width::F32 => 4,
            Width::F64 => 8,
        }
    }
}

/// Reads a file of vectors row by row, in bounded memory, from anything that bytes are read from.
///
/// ```
/// use larder_vector::RowReader;
///
/// let mut file = Vec::new();
/// for vector in [[1f32, 2.0], [-0.5, 4.0], [0.0, 3.0]] {
///     file.extend(2u32.to_le_bytes());
///     file.extend(vector.iter().flat_map(|x| x.to_le_bytes()));
/// }
/// let mut rows = RowReader::fvecs(&file[..])?;
/// rows.skip(1)?;
/// let mut values = Vec::new();
/// assert_eq!((rows.dims(), rows.read(1, &mut values)?), (2, 1));
/// assert_eq!((values, rows.row()), (vec![-0.5, 4.0], 2));
/// # Ok::<(), larder_store_core::Error>(())
/// ```
pub struct RowReader<R> {
    source: R,
    /// In front of each row stands the number of its values; that of the first row was read.
    counted: bool,
    width: Width,
    dims: usize,
    rows: Option<u64>,
    row: u64,
    bytes: Vec<u8>,
}

impl<R> fmt::Debug for RowReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowReader")
            .field("dims", &self.dims)
            .field("rows", &self.rows)
            .field("row", &self.row)
            .finish_non_exhaustive()
    }
}

impl<R: Read> RowReader<R> {
    /// Reads an array of NumPy, as [`npy::read`] does.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if it begins as no such array, or cannot be read.
    pub fn npy(mut source: R) -> Result<RowReader<R>> {
        let header = npy::read_header(&mut source)?;
        let npy::Header { width, rows, dims } = npy::Header::parse(&header)?;
        RowReader { source, counted: false, width, dims, rows: Some(rows as u64), row: 0, bytes: Vec::new() }
            .checked()
    }

    /// Reads vectors of which each has its number of values before it, as [`fvecs::read`] does.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if it begins with no vector, or cannot be read.
    pub fn fvecs(mut source: R) -> Result<RowReader<R>> {
        let mut dims = [0; 4];
        if fill(&mut source, &mut dims)? < 4 {
            return Err(fvecs::wrong("it begins with no number of values"));
        }
        let dims = u32::from_le_bytes(dims) as usize;
        if dims == 0 {
            return Err(fvecs::wrong("its first vector has no values"));
        }
        let bytes = Vec::new();
        RowReader { source, counted: true, width: Width::F32, dims, rows: None, row: 0, bytes }.checked()
    }

    fn checked(self) -> Result<RowReader<R>> {
        match self.dims {
            ..=MAX_DIMS => Ok(self),
            dims => {
                Err(self.wrong(&format!("a vector of it has {dims} values, and {MAX_DIMS} are the most")))
            }
        }
    }

    /// Values of each row.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// How many rows there are, where the beginning of the file says so.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// The number of the next row, the first one being 0.
    pub fn row(&self) -> u64 {
        self.row
    }

    /// Appends the values of so many rows to `values`, or of as many as are left; 0 at the end.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the file ends within a row, or before or behind the last one, or a row has another number of values, or
    /// it cannot be read. Rows that were appended before are sound.
    pub fn read(&mut self, rows: usize, values: &mut Vec<f32>) -> Result<usize> {
        let mut done = 0;
        while done < rows {
            let together = (PIECE / self.row_bytes()).clamp(1, rows - done);
            let got = self.piece(together)?;
            self.decode(got, values)?;
            done += got;
            if got < together {
                break;
            }
        }
        Ok(done)
    }

    /// Passes over so many rows; how many there were.
    ///
    /// # Errors
    /// Those of [`read`](RowReader::read), but for numbers of values, which are not looked at.
    pub fn skip(&mut self, rows: u64) -> Result<u64> {
        let (mut done, most) = (0, PIECE / self.row_bytes());
        while done < rows {
            let together = (most.max(1) as u64).min(rows - done) as usize;
            let got = self.piece(together)?;
            self.row += got as u64;
            done += got as u64;
            if got < together {
                break;
            }
        }
        Ok(done)
    }

    /// Bytes of a row, with its number of values.
    fn row_bytes(&self) -> usize {
        self.dims * self.width.bytes() + if self.counted { 4 } else { 0 }
    }

    /// Reads whole rows into `bytes`. Their number; less than was asked for at the end.
    fn piece(&mut self, asked: usize) -> Result<usize> {
        let left = self.rows.map_or(u64::MAX, |all| all - self.row);
        let wanted = usize::try_from(left).map_or(asked, |left| left.min(asked));
        let size = self.row_bytes();
        // The number in front of the first vector was read when it was opened.
        let known = if self.counted && self.row == 0 { 4 } else { 0 };
        self.bytes.clear();
        self.bytes.resize(wanted * size, 0);
        if wanted > 0 {
            self.bytes[..known].copy_from_slice(&(self.dims as u32).to_le_bytes()[..known]);
        }
        let there = match self.bytes.get_mut(known..) {
            Some(rest) if wanted > 0 => known + fill(&mut self.source, rest)?,
            _ => 0,
        };
        let got = there / size;
        let last = self.row + got as u64;
        if !there.is_multiple_of(size) {
            return Err(self.wrong(&format!("it ends within vector {last}")));
        }
        if let Some(rows) = self.rows {
            if got < wanted {
                return Err(self.wrong(&format!("it ends behind vector {last} of {rows}")));
            }
            if got < asked && fill(&mut self.source, &mut [0])? > 0 {
                return Err(self.wrong(&format!("it goes on behind its {rows} vectors")));
            }
        }
        Ok(got)
    }

    fn decode(&mut self, rows: usize, values: &mut Vec<f32>) -> Result<()> {
        let size = self.row_bytes();
        for row in self.bytes[..rows * size].chunks_exact(size) {
            let row = match (self.counted, row.split_first_chunk::<4>()) {
                (true, Some((count, row))) => {
                    let count = u32::from_le_bytes(*count) as usize;
                    if count != self.dims {
                        let (row, dims) = (self.row, self.dims);
                        return Err(fvecs::wrong(&format!(
                            "vector {row} has {count} values, and the first has {dims}"
                        )));
                    }
                    row
                }
                _ => row,
            };
            npy::decode(self.width, row, values);
            self.row += 1;
        }
        Ok(())
    }

    fn wrong(&self, why: &str) -> Error {
        if self.counted { fvecs::wrong(why) } else { npy::wrong(why) }
    }
}

/// Reads until `buffer` is full or there is no more; how much there was.
pub(crate) fn fill(source: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let why = format!("the vectors cannot be read on: {error}");
                return Err(Error::new(ErrorKind::Invalid, Op::Import, why).caused_by(error));
            }
        }
    }
    Ok(filled)
}
