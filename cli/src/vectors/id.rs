//! Ids as they are typed and printed.

use larder::vector::Id;
use serde_json::Value;

/// Digits without a zero before them are a number, what stands in quotes is a text of JSON, everything else is a text.
pub(crate) fn parse(text: &str) -> larder::Result<Id> {
    if is_number(text)
        && let Ok(number) = text.parse::<u64>()
    {
        return Ok(Id::Num(number));
    }
    match serde_json::from_str(text) {
        Ok(Value::String(inner)) => Id::text(inner),
        _ => Id::text(text),
    }
}

/// The id as [`parse`] reads it.
pub(crate) fn shown(id: &Id) -> String {
    match id {
        Id::Num(number) => number.to_string(),
        Id::Text(text) if is_number(text) || text.starts_with('"') => as_json(id).to_string(),
        Id::Text(text) => crate::escape::shown(text),
    }
}

pub(crate) fn as_json(id: &Id) -> Value {
    match id {
        Id::Num(number) => Value::from(*number),
        Id::Text(text) => Value::from(&**text),
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
        && !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_told_apart() {
        for (text, id) in [
            ("7", Id::Num(7)),
            ("0", Id::Num(0)),
            ("007", Id::text("007").unwrap()),
            ("\"7\"", Id::text("7").unwrap()),
            ("doc/7", Id::text("doc/7").unwrap()),
            ("18446744073709551616", Id::text("18446744073709551616").unwrap()),
            ("\"\\\"a\"", Id::text("\"a").unwrap()),
        ] {
            assert_eq!(parse(text).unwrap(), id, "{text}");
            assert_eq!(parse(&shown(&id)).unwrap(), id, "{text}");
        }
        assert!(parse("").is_err() && parse("\"\"").is_err());
    }
}
