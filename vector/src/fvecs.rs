//! Vectors as the sets of [TEXMEX](http://corpus-texmex.irisa.fr/) have them (`.fvecs`): for each vector the number of its values, in
//! four bytes, and then the values in single precision, all in little-endian.

use larder_store_core::{Error, ErrorKind, Op, Result};

use crate::Vectors;

/// Reads vectors, of which all have as many values.
///
/// ```
/// let mut file = Vec::new();
/// for vector in [[1f32, 2.0], [-0.5, 4.0]] {
///     file.extend(2u32.to_le_bytes());
///     file.extend(vector.iter().flat_map(|x| x.to_le_bytes()));
/// }
/// let vectors = larder_vector::fvecs::read(&file)?;
/// assert_eq!((vectors.dims, vectors.values), (2, vec![1.0, 2.0, -0.5, 4.0]));
/// # Ok::<(), larder_store_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Invalid`] if a vector has another number of values than the first, or the file ends within one, or is empty.
pub fn read(file: &[u8]) -> Result<Vectors> {
    let (words, rest) = file.as_chunks::<4>();
    let dims = words.first().map_or(0, |dims| u32::from_le_bytes(*dims) as usize);
    if dims == 0 || dims >= words.len() {
        return Err(wrong("it begins with no number of values that it holds"));
    }
    let mut values = Vec::with_capacity(words.len());
    for (row, vector) in words.chunks(dims + 1).enumerate() {
        let told = u32::from_le_bytes(vector[0]) as usize;
        if told != dims {
            return Err(wrong(&format!("vector {row} has {told} values, and the first has {dims}")));
        }
        if vector.len() != dims + 1 {
            return Err(wrong(&format!("it ends within vector {row}")));
        }
        values.extend(vector[1..].iter().map(|x| f32::from_le_bytes(*x)));
    }
    match rest {
        [] => Ok(Vectors { dims, values }),
        _ => Err(wrong("it ends within a number")),
    }
}

pub(crate) fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::Invalid, Op::Import, format!("no file of vectors: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RowReader;

    /// Reads it row by row.
    fn stream(file: &[u8]) -> Result<Vec<f32>> {
        let mut reader = RowReader::fvecs(file)?;
        let mut values = Vec::new();
        while reader.read(1, &mut values)? > 0 {}
        Ok(values)
    }

    #[test]
    fn what_is_cut_or_changes_its_length_is_refused() {
        let vector = |dims: u32| {
            let values = (0..dims).flat_map(|x| (x as f32).to_le_bytes());
            dims.to_le_bytes().into_iter().chain(values).collect::<Vec<u8>>()
        };
        let whole = [vector(3), vector(3)].concat();
        assert_eq!(read(&whole).unwrap().values.len(), 6);
        assert_eq!(stream(&whole).unwrap(), read(&whole).unwrap().values);
        let mut reader = RowReader::fvecs(&whole[..]).unwrap();
        let mut values = Vec::new();
        assert_eq!((reader.skip(1).unwrap(), reader.read(9, &mut values).unwrap()), (1, 1));
        assert_eq!((values, reader.skip(1).unwrap(), reader.row()), (vec![0.0, 1.0, 2.0], 0, 2));
        for cut in (0..whole.len()).filter(|cut| *cut != 16) {
            assert_eq!(read(&whole[..cut]).unwrap_err().kind(), ErrorKind::Invalid, "{cut} bytes");
            assert_eq!(stream(&whole[..cut]).unwrap_err().kind(), ErrorKind::Invalid, "{cut} bytes");
        }
        for bad in [[vector(3), vector(2), vector(3)].concat(), vector(0), vec![0xff; 40]] {
            assert!(read(&bad).is_err() && stream(&bad).is_err());
        }
    }
}
