//! Arrays of NumPy (`.npy`, versions 1 to 3 of the [format](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html)),
//! of two dimensions: a row for each vector.

use std::io::Read;

use half::f16;
use half::slice::HalfFloatSliceExt as _;
use larder_store_core::{Error, ErrorKind, Op, Result};

use crate::Vectors;
use crate::reader::{Width, fill};

/// Reads an array of half, single or double precision in little-endian, row by row.
///
/// ```
/// let mut file = b"\x93NUMPY\x01\x00\x36\x00".to_vec();
/// file.extend(format!("{:<53}\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}").as_bytes());
/// # file[8] = (file.len() - 10) as u8;
/// file.extend([1f32, -2.5].iter().flat_map(|x| x.to_le_bytes()));
/// let vectors = larder_vector::npy::read(&file)?;
/// assert_eq!((vectors.dims, vectors.values), (2, vec![1.0, -2.5]));
/// # Ok::<(), larder_store_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Invalid`] if it is no such array, or ends early or late.
pub fn read(file: &[u8]) -> Result<Vectors> {
    let mut data = file;
    let Header { width, rows, dims } = Header::parse(&read_header(&mut data)?)?;
    let wanted = rows.checked_mul(dims).and_then(|count| count.checked_mul(width.bytes()));
    if wanted != Some(data.len()) {
        let told = wanted.map_or("more than there can be".to_owned(), |bytes| bytes.to_string());
        return Err(wrong(&format!("{rows} rows of {dims} are {told} bytes, and {} are there", data.len())));
    }
    let mut values = Vec::with_capacity(rows * dims);
    decode(width, data, &mut values);
    Ok(Vectors { dims, values })
}

pub(crate) fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::Invalid, Op::Import, format!("not an array of vectors: {why}"))
}

/// What an array says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) width: Width,
    pub(crate) rows: usize,
    pub(crate) dims: usize,
}

impl Header {
    /// Reads the text of a header.
    pub(crate) fn parse(header: &str) -> Result<Header> {
        let descr = field(header, "descr").ok_or_else(|| wrong("its header names no type"))?;
        let order = field(header, "fortran_order").ok_or_else(|| wrong("its header names no order"))?;
        let shape = field(header, "shape").ok_or_else(|| wrong("its header names no shape"))?;
        if !order.starts_with("False") {
            return Err(wrong("it is stored column by column: save numpy.ascontiguousarray(a)"));
        }
        let inside = shape.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(inside, _)| inside);
        let sides: Option<Vec<usize>> = inside.and_then(|inside| {
            inside
                .split(',')
                .map(str::trim)
                .filter(|side| !side.is_empty())
                .map(|side| side.parse().ok())
                .collect()
        });
        let Some(&[rows, dims]) = sides.as_deref().filter(|sides| sides.get(1) != Some(&0)) else {
            return Err(wrong("it has not two dimensions: a row for each vector"));
        };
        let width = match descr.trim_start_matches(['\'', '"']).get(..3).unwrap_or_default() {
            "<f2" => Width::F16,
            "<f4" => Width::F32,
            "<f8" => Width::F64,
            _ => return Err(wrong("its numbers are none of <f2, <f4 and <f8")),
        };
        Ok(Header { width, rows, dims })
    }
}

/// Reads up to the end of the header, and gives its text.
pub(crate) fn read_header(file: &mut impl Read) -> Result<String> {
    /// NumPy itself refuses to read longer ones.
    const LONGEST: usize = 1 << 16;
    let cut = || wrong("the file is no .npy, or its header is cut");
    let mut piece = |size: usize| {
        let mut bytes = vec![0; size];
        if fill(file, &mut bytes)? < size { Err(cut()) } else { Ok(bytes) }
    };
    let begin = piece(8)?;
    let length = match (begin.strip_prefix(b"\x93NUMPY"), begin[6]) {
        (Some(_), 1) => piece(2)?,
        (Some(_), 2 | 3) => piece(4)?,
        _ => return Err(cut()),
    };
    let length = length.iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
    if length > LONGEST {
        return Err(wrong(&format!("its header is of {length} bytes")));
    }
    String::from_utf8(piece(length)?).map_err(|_| cut())
}

/// Appends numbers, as they stand in a file.
pub(crate) fn decode(width: Width, data: &[u8], values: &mut Vec<f32>) {
    match width {
        Width::F16 => {
            let halves: Vec<f16> = data.as_chunks().0.iter().map(|x| f16::from_le_bytes(*x)).collect();
            let from = values.len();
            values.resize(from + halves.len(), 0.0);
            halves.convert_to_f32_slice(&mut values[from..]);
        }
        Width::F32 => values.extend(data.as_chunks().0.iter().map(|x| f32::from_le_bytes(*x))),
        Width::F64 => values.extend(data.as_chunks().0.iter().map(|x| f64::from_le_bytes(*x) as f32)),
    }
}

/// What stands behind a name in the header, a literal of Python's.
fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let behind = ['\'', '"'].iter().find_map(|quote| header.split_once(&format!("{quote}{name}{quote}")))?.1;
    Some(behind.trim_start().strip_prefix(':')?.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RowReader;

    /// Reads it row by row.
    fn stream(file: &[u8]) -> Result<Vec<f32>> {
        let mut reader = RowReader::npy(file)?;
        let mut values = Vec::new();
        while reader.read(1, &mut values)? > 0 {}
        Ok(values)
    }

    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut file = b"\x93NUMPY".to_vec();
        file.extend([version, 0]);
        match version {
            1 => file.extend((header.len() as u16).to_le_bytes()),
            _ => file.extend((header.len() as u32).to_le_bytes()),
        }
        file.extend(header.as_bytes());
        file.extend(data);
        file
    }

    #[test]
    fn all_widths_and_versions() {
        let values = [0.5, -1.0, 2.0, 3.25, 0.0, -0.125];
        let halves: Vec<u8> = values.iter().flat_map(|x| f16::from_f64(*x).to_le_bytes()).collect();
        let singles: Vec<u8> = values.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect();
        let doubles: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        for (kind, data) in [("<f2", halves), ("<f4", singles), ("<f8", doubles)] {
            for version in [1, 2, 3] {
                let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (2, 3), }}   \n");
                let bytes = file(version, &header, &data);
                let read = read(&bytes).unwrap();
                assert_eq!(read.dims, 3);
                assert_eq!(read.values, values.map(|x| x as f32));
                let mut reader = RowReader::npy(&bytes[..]).unwrap();
                assert_eq!((reader.dims(), reader.rows()), (3, Some(2)));
                let mut streamed = Vec::new();
                assert_eq!((reader.read(1, &mut streamed).unwrap(), reader.row()), (1, 1));
                assert_eq!((reader.read(9, &mut streamed).unwrap(), reader.row()), (1, 2));
                assert_eq!((reader.read(9, &mut streamed).unwrap(), streamed), (0, read.values));
                let mut reader = RowReader::npy(&bytes[..]).unwrap();
                assert_eq!((reader.skip(1).unwrap(), reader.skip(7).unwrap(), reader.row()), (1, 1, 2));
            }
        }
    }

    #[test]
    fn what_is_no_array_of_vectors_is_refused() {
        let fine = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}";
        assert!(read(&file(1, fine, &[0; 8])).is_ok());
        for header in [
            "{'descr': '>f4', 'fortran_order': False, 'shape': (1, 2)}",
            "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 2)}",
            "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 1)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 0)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, -2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615, 2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': 2}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'fortran_order': False, 'shape': (1, 2)}",
            "",
        ] {
            let bytes = file(1, header, &[0; 8]);
            for error in [read(&bytes).unwrap_err(), stream(&bytes).unwrap_err()] {
                assert_eq!(error.kind(), ErrorKind::Invalid, "{header}");
            }
        }
        let whole = file(2, fine, &[0; 8]);
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_err() && stream(&whole[..cut]).is_err(), "{cut} bytes");
        }
        let wide = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1099511627776)}";
        for bad in [
            [&whole[..], &[0]].concat(),
            file(4, fine, &[0; 8]),
            file(1, wide, &[0; 8]),
            file(2, &" ".repeat(1 << 17), &[]),
        ] {
            assert!(read(&bad).is_err() && stream(&bad).is_err());
        }
    }
}
