//! Payloads: JSON in, CBOR inside, JSON out.

use bytes::Bytes;
use larder::cbor::{self, Value as Cbor};
use larder::{Error, ErrorKind, Op};
use serde_json::{Map, Value};

/// An object of JSON as a map of CBOR; an empty line and `null` are no payload.
pub(crate) fn parse(line: &str) -> larder::Result<Bytes> {
    let wrong = |why: String| Error::new(ErrorKind::Invalid, Op::Import, why);
    if line.trim().is_empty() {
        return Ok(Bytes::new());
    }
    match serde_json::from_str(line) {
        Ok(Value::Null) => Ok(Bytes::new()),
        Ok(value @ Value::Object(_)) => Ok(cbor::encode_deterministic(&of_json(value))?.into()),
        Ok(_) => Err(wrong("a payload is an object of JSON, such as {\"lang\": \"en\"}".into())),
        Err(error) => Err(wrong(format!("a payload is no JSON: {error}"))),
    }
}

fn of_json(value: Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(value) => Cbor::Bool(value),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Cbor::from(number),
            (_, Some(number)) => Cbor::from(number),
            _ => Cbor::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Cbor::Text(text),
        Value::Array(items) => Cbor::Array(items.into_iter().map(of_json).collect()),
        Value::Object(map) => {
            Cbor::Map(map.into_iter().map(|(key, value)| (Cbor::Text(key), of_json(value))).collect())
        }
    }
}

/// A payload as JSON; null for none. Bytes are `{"bytes": "00ff"}`, as in filters.
pub(crate) fn as_json(payload: &[u8]) -> Value {
    match payload {
        [] => Value::Null,
        payload => cbor::decode(payload).map_or(Value::Null, to_json),
    }
}

fn to_json(value: Cbor) -> Value {
    match value {
        Cbor::Bool(value) => value.into(),
        Cbor::Integer(number) => match (u64::try_from(number), i64::try_from(number)) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            _ => one("int", i128::from(number).to_string()),
        },
        Cbor::Float(number) if number.is_finite() => number.into(),
        Cbor::Float(number) => one("float", number.to_string()),
        Cbor::Text(text) => text.into(),
        Cbor::Bytes(bytes) => one("bytes", bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        Cbor::Array(items) => items.into_iter().map(to_json).collect(),
        Cbor::Map(entries) => {
            let key = |key: Cbor| match to_json(key) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            Value::Object(entries.into_iter().map(|(k, value)| (key(k), to_json(value))).collect())
        }
        Cbor::Tag(_, inner) => to_json(*inner),
        _ => Value::Null,
    }
}

fn one(word: &str, text: String) -> Value {
    Value::Object(Map::from_iter([(word.to_owned(), Value::String(text))]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_there_and_back() {
        let text = r#"{"a":[1,-2,2.5,null,true,"é"],"b":{"c":18446744073709551615}}"#;
        let payload = parse(text).unwrap();
        assert_eq!(as_json(&payload), serde_json::from_str::<Value>(text).unwrap());
        larder::vector::filter::check_payload(&payload).unwrap();
        for none in ["", "  ", "null"] {
            assert!(parse(none).unwrap().is_empty());
        }
        for wrong in ["[1]", "7", "{", "{\"a\":1"] {
            assert_eq!(parse(wrong).unwrap_err().kind(), ErrorKind::Invalid, "{wrong}");
        }
        assert_eq!(as_json(b"\xa1\x61b\x42\x00\xff").to_string(), r#"{"b":{"bytes":"00ff"}}"#);
    }
}
