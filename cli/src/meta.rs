//! What is known about a value, for people and for programs.

use larder::{Attributes, Expires, Listed, Meta, Native};
use serde_json::{Map, Value, json};

use crate::{escape, json, time, units};

/// The meta in JSON. What is not known is not there.
pub(crate) fn as_json(meta: &Meta) -> Value {
    let mut value = json::known(json!({
        "key": meta.key.as_str(),
        "size": meta.size,
        "stored_size": meta.stored_size,
        "version": meta.version.as_ref().map(ToString::to_string),
        "modified": meta.modified.map(time::exact),
        "write_id": meta.write_id.map(|id| id.to_string()),
    }));
    if let Some(expires) = meta.expires {
        // Known to be never is not the same as not known.
        value["expires"] = expires.at().map_or(Value::Null, |at| time::exact(at).into());
    }
    if let Some(attributes) = &meta.attributes {
        for (field, told) in native(attributes) {
            value[field.header().replace('-', "_")] = told.into();
        }
        let own: Map<_, _> = attributes.iter().map(|(name, told)| (name.to_owned(), told.into())).collect();
        value["attributes"] = own.into();
    }
    value
}

/// An item of a listing in JSON.
pub(crate) fn listed_as_json(item: &Listed) -> Value {
    match item {
        Listed::Entry(meta) => as_json(meta),
        Listed::Prefix(name) => json!({ "prefix": name }),
        Listed::Foreign { name, why } => json!({ "foreign": name, "why": why }),
        other => json!({ "name": other.name() }),
    }
}

fn native(attributes: &Attributes) -> impl Iterator<Item = (Native, &str)> {
    Native::ALL.into_iter().filter_map(|field| Some((field, attributes.native(field)?)))
}

/// The meta as lines of a name and what is told.
pub(crate) fn as_lines(meta: &Meta) -> Vec<String> {
    let mut lines = vec![format!("key           {}", escape::shown(meta.key.as_str()))];
    let mut add = |name: &str, told: Option<String>| {
        if let Some(told) = told {
            lines.push(format!("{name:<13} {told}"));
        }
    };
    add("size", meta.size.map(|size| format!("{size} ({})", units::bytes(size))));
    add("stored size", meta.stored_size.map(|size| format!("{size} ({})", units::bytes(size))));
    add("version", meta.version.as_ref().map(|version| escape::shown(&version.to_string())));
    add("modified", meta.modified.map(time::exact));
    add(
        "expires",
        meta.expires.map(|expires| match expires {
            Expires::Never => "never".into(),
            Expires::At(at) => time::exact(at),
        }),
    );
    for (field, told) in meta.attributes.iter().flat_map(native) {
        add(field.header(), Some(escape::shown(told)));
    }
    for (name, told) in meta.attributes.iter().flat_map(Attributes::iter) {
        add("attribute", Some(format!("{}={}", escape::shown(name), escape::shown(told))));
    }
    lines
}
