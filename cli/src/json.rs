//! JSON as it is printed.

use serde_json::Value;

use crate::escape;

/// One line. What would do harm on a terminal stands as `\u…`.
pub(crate) fn text(value: &Value) -> String {
    escape::shown_json(&value.to_string())
}

/// Takes out what is not known, so that a reader sees the difference from `null`.
pub(crate) fn known(mut value: Value) -> Value {
    if let Value::Object(map) = &mut value {
        map.retain(|_, value| !value.is_null());
    }
    value
}
