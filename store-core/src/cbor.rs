//! CBOR as Larder writes it: deterministic, RFC 8949 section 4.2.1 (map keys in the bytewise order of their
//! encodings).

pub use ciborium::value::Value;

use crate::error::{Error, ErrorKind, Op, Result};

/// Deepest nesting that [`decode`] follows.
pub const MAX_DEPTH: usize = 64;

/// Encodes `value` with its maps sorted by the bytes of their encoded keys.
///
/// # Errors
/// [`ErrorKind::Invalid`] for a map that names a key twice.
///
/// ```
/// use larder_store_core::cbor::{self, Value};
/// let map = Value::Map(vec![(Value::from("aa"), Value::from(1)), (Value::from(-1), Value::from(2))]);
/// assert_eq!(cbor::encode_deterministic(&map)?, [0xa2, 0x20, 2, 0x62, b'a', b'a', 1]);
/// # Ok::<(), larder_store_core::Error>(())
/// ```
pub fn encode_deterministic(value: &Value) -> Result<Vec<u8>> {
    let sorted = sort(value)?;
    let mut bytes = Vec::new();
    write(&sorted, &mut bytes)?;
    Ok(bytes)
}

fn write(value: &Value, bytes: &mut Vec<u8>) -> Result<()> {
    ciborium::into_writer(value, bytes)
        .map_err(|e| Error::new(ErrorKind::Invalid, Op::Parse, "this cannot be written as CBOR").caused_by(e))
}

fn sort(value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Array(items) => Value::Array(items.iter().map(sort).collect::<Result<_>>()?),
        Value::Tag(tag, inner) => Value::Tag(*tag, Box::new(sort(inner)?)),
        Value::Map(entries) => {
            let mut keyed = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                let key = sort(key)?;
                let mut bytes = Vec::new();
                write(&key, &mut bytes)?;
                keyed.push((bytes, key, sort(value)?));
            }
            keyed.sort_by(|a, b| a.0.cmp(&b.0));
            if keyed.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                return Err(Error::new(ErrorKind::Invalid, Op::Parse, "a CBOR map names a key twice"));
            }
            Value::Map(keyed.into_iter().map(|(_, key, value)| (key, value)).collect())
        }
        other => other.clone(),
    })
}

/// Decodes exactly one item; anything behind it is an error.
///
/// # Errors
/// [`ErrorKind::Corrupt`] for bytes that are no single CBOR item, or nest deeper than [`MAX_DEPTH`].
pub fn decode(mut bytes: &[u8]) -> Result<Value> {
    let wrong = |why: &str| Error::new(ErrorKind::Corrupt, Op::Parse, format!("CBOR: {why}"));
    let value = ciborium::de::from_reader_with_recursion_limit(&mut bytes, MAX_DEPTH)
        .map_err(|e| wrong("not one whole item").caused_by(e))?;
    if bytes.is_empty() { Ok(value) } else { Err(wrong("bytes behind the item")) }
}
