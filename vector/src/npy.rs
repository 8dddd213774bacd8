//! Arrays of NumPy (`.npy`, versions 1 to 3 of the [format](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html)),
//! of two dimensions: a row for each vector.

use half::f16;
use half::slice::HalfFloatSliceExt as _;
use larder_store_core::{Error, ErrorKind, Op, Result};

use crate::Vectors;

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
    let (header, data) = split(file).ok_or_else(|| wrong("the file is no .npy, or its header is cut"))?;
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
    let kind = descr.trim_start_matches(['\'', '"']).get(..3).unwrap_or_default();
    let size = match kind {
        "<f2" => 2,
        "<f4" => 4,
        "<f8" => 8,
        _ => return Err(wrong("its numbers are none of <f2, <f4 and <f8")),
    };
    let wanted = rows.checked_mul(dims).and_then(|count| count.checked_mul(size));
    if wanted != Some(data.len()) {
        let told = wanted.map_or("more than there can be".to_owned(), |bytes| bytes.to_string());
        return Err(wrong(&format!("{rows} rows of {dims} are {told} bytes, and {} are there", data.len())));
    }
    let values = match size {
        2 => {
            let halves: Vec<f16> = data.as_chunks().0.iter().map(|x| f16::from_le_bytes(*x)).collect();
            halves.to_f32_vec()
        }
        4 => data.as_chunks().0.iter().map(|x| f32::from_le_bytes(*x)).collect(),
        _ => data.as_chunks().0.iter().map(|x| f64::from_le_bytes(*x) as f32).collect(),
    };
    Ok(Vectors { dims, values })
}

fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::Invalid, Op::Import, format!("not an array of vectors: {why}"))
}

/// The header's text, and what is behind it.
fn split(file: &[u8]) -> Option<(&str, &[u8])> {
    let rest = file.strip_prefix(b"\x93NUMPY")?;
    let (length, rest) = match rest.split_at_checked(2)? {
        ([1, _], rest) => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        ([2 | 3, _], rest) => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        _ => return None,
    };
    let (header, data) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, data))
}

/// What stands behind a name in the header, a literal of Python's.
fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let behind = ['\'', '"'].iter().find_map(|quote| header.split_once(&format!("{quote}{name}{quote}")))?.1;
    Some(behind.trim_start().strip_prefix(':')?.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

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
                let read = read(&file(version, &header, &data)).unwrap();
                assert_eq!(read.dims, 3);
                assert_eq!(read.values, values.map(|x| x as f32));
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
            let error = read(&file(1, header, &[0; 8])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{header}");
        }
        let whole = file(2, fine, &[0; 8]);
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_err(), "{cut} bytes");
        }
        assert!(read(&[&whole[..], &[0]].concat()).is_err());
        assert!(read(&file(4, fine, &[0; 8])).is_err());
    }
}
