//! Values of a type to CBOR and back.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cbor::{self, MAX_DEPTH, Value};
use crate::error::{Error, ErrorKind, Op, Result};

pub(super) const CONTENT_TYPE: &str = "application/cbor";

/// One less than a reader follows, as a variant without fields counts for a level there.
const DEEPEST: usize = MAX_DEPTH - 1;

/// Deterministic CBOR.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Bytes> {
    let refuse = |why: String| Error::new(ErrorKind::Invalid, Op::Put, why);
    let value = Value::serialized(value)
        .map_err(|_| refuse(format!("a {} that cannot be written as CBOR", name::<T>())))?;
    if depth(&value) > DEEPEST {
        return Err(refuse(format!("a {} that nests more than {DEEPEST} levels deep", name::<T>())));
    }
    cbor::encode_deterministic(&value).map(Bytes::from).map_err(|e| e.during(Op::Put))
}

/// Exactly one value, of bounded depth.
pub(super) fn decode<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<T> {
    let wrong = |why: &str| {
        let why = format!("the value is no {} in CBOR: {why}", name::<T>());
        Error::new(ErrorKind::Corrupt, Op::Get, why)
    };
    match ciborium::de::from_reader_with_recursion_limit(&mut bytes, MAX_DEPTH) {
        Ok(_) if !bytes.is_empty() => Err(wrong("there are bytes behind it")),
        Ok(value) => Ok(value),
        Err(error) => Err(wrong(&reason(&error))),
    }
}

/// The refusal of a range.
pub(super) fn part() -> Error {
    Error::new(ErrorKind::Invalid, Op::Get, "a part of a value is no value of a type")
}

/// The error of a store that gives fewer outcomes than it was given keys.
pub(super) fn no_outcome() -> Error {
    Error::new(ErrorKind::Corrupt, Op::GetMany, "the store gave no outcome for this key")
}

fn name<T>() -> &'static str {
    std::any::type_name::<T>()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Map(entries) => 1 + entries.iter().map(|(k, v)| depth(k).max(depth(v))).max().unwrap_or(0),
        Value::Tag(_, inner) => 1 + depth(inner),
        _ => 0,
    }
}

/// Why it did not decode, without what is stored: that may be anybody's secret.
fn reason<E>(error: &ciborium::de::Error<E>) -> String {
    use ciborium::de::Error::{Io, RecursionLimitExceeded, Semantic, Syntax};
    match error {
        Io(_) => "it ends too early".to_owned(),
        Syntax(at) => format!("it is damaged at byte {at}"),
        RecursionLimitExceeded => format!("it nests more than {MAX_DEPTH} levels deep"),
        Semantic(_, said) => expected(said),
    }
}

/// What serde's own messages say about the type.
fn expected(said: &str) -> String {
    let begins = |words: &[&str]| words.iter().any(|word| said.starts_with(word));
    if begins(&["missing field ", "duplicate field "]) {
        return said.to_owned();
    }
    let of_serde =
        ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant ", "unknown field "];
    match said.rsplit_once(", expected ") {
        Some((_, expected)) if begins(&of_serde) => format!("something else than {expected}"),
        _ => "it has another shape".to_owned(),
    }
}
