//! Rows as entries of a dump: `docs/vectors.md`, "Dumps".

use bytes::Bytes;
use larder::cbor::{self, Value};
use larder::vector::{Id, Row, Schema};
use larder::{Error, ErrorKind, Key, Op};

/// The key of what all rows have in common. It comes before those of rows.
pub(crate) const SCHEMA: &str = "collection";
const NUMBER: &str = "n/";
const TEXT: &str = "t/";

/// The key of a row. Numbers have all their digits, so that keys are in the order of numbers.
pub(crate) fn key(id: &Id) -> larder::Result<Key> {
    match id {
        Id::Num(number) => Key::new(format!("{NUMBER}{number:020}")),
        Id::Text(text) => Key::new(format!("{TEXT}{}", escaped(text))),
    }
}

/// The id of the row of a key; `None` for what is no row's.
pub(crate) fn id(key: &Key) -> Option<Id> {
    let text = key.as_str();
    if let Some(digits) = text.strip_prefix(NUMBER) {
        return digits.parse().ok().map(Id::Num);
    }
    Id::text(unescaped(text.strip_prefix(TEXT)?)?).ok()
}

/// The value of a row: `{"vector": …, "payload": …}`, the payload byte for byte as it was given.
pub(crate) fn encode(row: &Row) -> Bytes {
    let mut out = vec![if row.payload.is_empty() { 0xa1 } else { 0xa2 }];
    out.extend_from_slice(b"\x66vector\x5a");
    out.extend_from_slice(&(row.vector.len() as u32 * 4).to_be_bytes());
    out.extend(row.vector.iter().flat_map(|value| value.to_le_bytes()));
    if !row.payload.is_empty() {
        out.extend_from_slice(b"\x67payload");
        out.extend_from_slice(&row.payload);
    }
    out.into()
}

/// The row of a value.
pub(crate) fn decode(id: Id, value: &Bytes) -> larder::Result<Row> {
    let (vector, payload) = as_written(value).map_or_else(|| as_cbor(value), Ok)?;
    let (values, rest) = vector.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(none("its vector has not four bytes for each value"));
    }
    Ok(Row { id, vector: values.iter().map(|value| f32::from_le_bytes(*value)).collect(), payload })
}

/// What [`encode`] wrote: nothing of the payload is touched.
fn as_written(value: &Bytes) -> Option<(Bytes, Bytes)> {
    let rest = value.strip_prefix(b"\xa1").or_else(|| value.strip_prefix(b"\xa2"))?;
    let (len, rest) = rest.strip_prefix(b"\x66vector\x5a")?.split_first_chunk::<4>()?;
    let (vector, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
    let payload = match (value[0], rest) {
        (0xa1, []) => rest,
        (0xa2, rest) => rest.strip_prefix(b"\x67payload")?,
        _ => return None,
    };
    Some((value.slice_ref(vector), value.slice_ref(payload)))
}

/// The same map as others may write it.
fn as_cbor(value: &[u8]) -> larder::Result<(Bytes, Bytes)> {
    let Ok(Value::Map(fields)) = cbor::decode(value) else { return Err(none("it is no map of CBOR")) };
    let (mut vector, mut payload) = (None, Bytes::new());
    for (name, value) in fields {
        match (name.as_text(), value) {
            (Some("vector"), Value::Bytes(bytes)) => vector = Some(bytes.into()),
            (Some("payload"), value @ Value::Map(_)) => payload = cbor::encode_deterministic(&value)?.into(),
            _ => return Err(none("it has a field that is not known here")),
        }
    }
    vector.map(|vector| (vector, payload)).ok_or_else(|| none("it has no vector"))
}

/// What all rows have in common, as a value.
pub(crate) fn encode_schema(schema: &Schema) -> larder::Result<Bytes> {
    let value = Value::serialized(schema).map_err(|e| none("a schema").caused_by(e))?;
    Ok(cbor::encode_deterministic(&value)?.into())
}

pub(crate) fn decode_schema(value: &[u8]) -> larder::Result<Schema> {
    cbor::decode(value)?.deserialized().map_err(|e| none("what it says of the collection").caused_by(e))
}

fn none(why: &str) -> Error {
    Error::new(ErrorKind::Invalid, Op::Import, format!("no entry of a collection: {why}"))
        .hint("larder import reads the dumps of other stores")
}

/// A text without what keys cannot hold.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c == '%' || c.is_control() {
            true => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| out += &format!("%{byte:02x}")),
            false => out.push(c),
        }
    }
    out
}

fn unescaped(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        out.push(u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?);
        rest = behind;
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_ids_apart_and_in_order() {
        let ids = [
            Id::Num(0),
            Id::Num(9),
            Id::Num(10),
            Id::Num(u64::MAX),
            Id::text("7").unwrap(),
            Id::text("a%0a\n\u{85}é/..").unwrap(),
        ];
        let keys: Vec<Key> = ids.iter().map(|id| key(id).unwrap()).collect();
        assert!(SCHEMA < keys[0].as_str() && keys.is_sorted());
        for (key, id) in keys.iter().zip(&ids) {
            assert_eq!(super::id(key).as_ref(), Some(id), "{key}");
        }
        for other in [SCHEMA, "user/7", "n/x", "t/%0", "t/", "t/%ff"] {
            assert_eq!(id(&Key::new(other).unwrap()), None, "{other}");
        }
    }

    #[test]
    fn values_come_back_bit_by_bit() {
        // A payload that no deterministic encoder would write: an indefinite map.
        let odd = Bytes::from_static(b"\xbf\x61b\x01\x61a\x18\x02\xff");
        for payload in [Bytes::new(), odd] {
            let row = Row { id: Id::Num(7), vector: vec![1.5, -0.0, f32::MIN_POSITIVE], payload };
            let value = encode(&row);
            let back = decode(Id::Num(7), &value).unwrap();
            assert_eq!(
                back.vector.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                [1.5f32.to_bits(), (-0.0f32).to_bits(), f32::MIN_POSITIVE.to_bits()]
            );
            assert_eq!((&back.payload, back == row), (&row.payload, true));
            assert!(matches!(cbor::decode(&value), Ok(Value::Map(_))));
        }
        // In another order, by another library.
        let theirs = Bytes::from_static(b"\xa2\x67payload\xa1\x61a\x01\x66vector\x44\x00\x00\x80\x3f");
        let row = decode(Id::Num(1), &theirs).unwrap();
        assert_eq!((row.vector, &row.payload[..]), (vec![1.0], &b"\xa1\x61a\x01"[..]));
        for wrong in [&b"\xa0"[..], b"\xa1\x66vector\x43abc", b"\xa1\x61x\x01", b"\x01", b"\xa1\x66vector"] {
            assert!(decode(Id::Num(1), &Bytes::copy_from_slice(wrong)).is_err(), "{wrong:x?}");
        }
    }
}
