//! A filter from JSON.

use std::ops::Bound;

use larder_store_core::{Error, ErrorKind, Op, Result};

use super::super::{Filter, Path, Value};
use super::tree::Json;

const FILTERS: &str = r#""eq", "in", "range", "exists", "and", "or" and "not""#;
const BOUNDS: &str = r#""gt", "gte", "lt" and "lte""#;
const VALUES: &str = r#""bytes", "int" and "float""#;

fn wrong(why: String) -> Error {
    Error::new(ErrorKind::Invalid, Op::Parse, why)
}

fn unknown(word: &str, what: &str, allowed: &str) -> Error {
    wrong(format!("the word {word:?} of {what} is unknown: there are {allowed}"))
}

fn expected(what: &str, expected: &str, found: &Json) -> Error {
    wrong(format!("{what} is {expected}, not {}", found.kind()))
}

/// Filters nest no deeper than the parser lets JSON nest.
pub(super) fn filter(json: Json) -> Result<Filter> {
    let (word, of) = single("a filter", json)?;
    Ok(match word.as_str() {
        "eq" => {
            let (path, of) = single("what \"eq\" is of", of)?;
            Filter::Eq { path: Path::from(path), value: value(of)? }
        }
        "in" => {
            let (path, of) = single("what \"in\" is of", of)?;
            let values = list("what a path is \"in\"", of)?.into_iter().map(value).collect::<Result<_>>()?;
            Filter::In { path: Path::from(path), values }
        }
        "range" => {
            let (path, of) = single("what \"range\" is of", of)?;
            range(Path::from(path), of)?
        }
        "exists" => match of {
            Json::Text(path) => Filter::Exists { path: Path::from(path) },
            other => return Err(expected("what \"exists\" is of", "a text", &other)),
        },
        "and" => Filter::And(filters("what \"and\" is of", of)?),
        "or" => Filter::Or(filters("what \"or\" is of", of)?),
        "not" => Filter::Not(Box::new(filter(of)?)),
        word => return Err(unknown(word, "a filter", FILTERS)),
    })
}

/// The only word of an object, and what is there.
fn single(what: &str, json: Json) -> Result<(String, Json)> {
    match json {
        Json::Map(entries) => match <[_; 1]>::try_from(entries) {
            Ok([entry]) => Ok(entry),
            Err(entries) => {
                let words: Vec<&str> = entries.iter().map(|(word, _)| word.as_str()).take(8).collect();
                Err(wrong(format!("{what} is an object with one word, not with {words:?}")))
            }
        },
        other => Err(expected(what, "an object", &other)),
    }
}

fn list(what: &str, json: Json) -> Result<Vec<Json>> {
    match json {
        Json::List(list) => Ok(list),
        other => Err(expected(what, "an array", &other)),
    }
}

fn filters(what: &str, json: Json) -> Result<Vec<Filter>> {
    list(what, json)?.into_iter().map(filter).collect()
}

fn range(path: Path, json: Json) -> Result<Filter> {
    let bounds = match json {
        Json::Map(bounds) => bounds,
        other => return Err(expected("a range", "an object", &other)),
    };
    let (mut from, mut to) = (Bound::Unbounded, Bound::Unbounded);
    for (word, of) in bounds {
        let (side, bound): (_, fn(Value) -> Bound<Value>) = match word.as_str() {
            "gt" => (&mut from, Bound::Excluded),
            "gte" => (&mut from, Bound::Included),
            "lt" => (&mut to, Bound::Excluded),
            "lte" => (&mut to, Bound::Included),
            word => return Err(unknown(word, "a range", BOUNDS)),
        };
        if *side != Bound::Unbounded {
            return Err(wrong(format!("the word {word:?} of a range is its second bound on that side")));
        }
        *side = bound(value(of)?);
    }
    Ok(Filter::Range { path, from, to })
}

fn value(json: Json) -> Result<Value> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(it) => Value::Bool(it),
        Json::Int(it) => Value::Int(it),
        Json::Float(it) => Value::Float(it),
        Json::Text(it) => Value::Text(it),
        Json::List(_) => return Err(expected("a value", "a text, a number, a boolean or null", &json)),
        Json::Map(_) => spelled(single("a value that JSON has no words for", json)?)?,
    })
}

/// A value in a text, with what it is.
fn spelled((word, of): (String, Json)) -> Result<Value> {
    let Json::Text(text) = of else {
        return Err(expected(&format!("what {word:?} is of"), "a text", &of));
    };
    let value = match word.as_str() {
        "bytes" => base16(&text).map(Value::Bytes),
        "int" => text.parse().ok().map(Value::Int),
        "float" => text.parse().ok().map(Value::Float),
        word => return Err(unknown(word, "a value", VALUES)),
    };
    value.ok_or_else(|| wrong(format!("the value {text:?} does not say {word:?}")))
}

fn base16(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let (pairs, odd) = text.as_bytes().as_chunks();
    if !odd.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
