//! A filter to JSON.

use std::ops::Bound;

use serde_json::{Map, Value as Json, json};

use super::super::{Filter, Path, Value};

pub(super) fn filter(it: &Filter) -> Json {
    match it {
        Filter::Eq { path, value: it } => at("eq", path, value(it)),
        Filter::In { path, values } => at("in", path, values.iter().map(value).collect()),
        Filter::Range { path, from, to } => {
            let mut bounds = Map::new();
            for (bound, excluded, included) in [(from, "gt", "gte"), (to, "lt", "lte")] {
                match bound {
                    Bound::Excluded(it) => bounds.insert(excluded.to_owned(), value(it)),
                    Bound::Included(it) => bounds.insert(included.to_owned(), value(it)),
                    Bound::Unbounded => None,
                };
            }
            at("range", path, Json::Object(bounds))
        }
        Filter::Exists { path } => one("exists", Json::String(path.to_string())),
        Filter::And(filters) => one("and", filters.iter().map(filter).collect()),
        Filter::Or(filters) => one("or", filters.iter().map(filter).collect()),
        Filter::Not(it) => one("not", filter(it)),
    }
}

fn one(word: &str, of: Json) -> Json {
    Json::Object(Map::from_iter([(word.to_owned(), of)]))
}

fn at(word: &str, path: &Path, of: Json) -> Json {
    one(word, one(&path.to_string(), of))
}

fn value(it: &Value) -> Json {
    match it {
        Value::Null => Json::Null,
        Value::Bool(it) => Json::Bool(*it),
        Value::Int(it) => match (u64::try_from(*it), i64::try_from(*it)) {
            (Ok(it), _) => it.into(),
            (_, Ok(it)) => it.into(),
            _ => one("int", Json::String(it.to_string())),
        },
        Value::Float(it) if it.is_finite() => json!(it),
        Value::Float(it) => one("float", Json::String(it.to_string())),
        Value::Text(it) => Json::String(it.clone()),
        Value::Bytes(it) => one("bytes", Json::String(it.iter().map(|byte| format!("{byte:02x}")).collect())),
    }
}
