//! What the function is asked, and what it answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An invocation: `{"op": "get", "key": "user/7"}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Event {
    /// Reads a text.
    Get {
        /// Its key.
        key: String,
    },
    /// Writes a text.
    Put {
        /// Its key.
        key: String,
        /// The text.
        value: String,
    },
    /// Removes a value.
    Delete {
        /// Its key.
        key: String,
    },
    /// Adds to a number, which other environments may be adding to at this moment.
    Add {
        /// Its key.
        key: String,
        /// How much.
        #[serde(default = "one")]
        by: i64,
    },
}

fn one() -> i64 {
    1
}

impl Event {
    pub(crate) fn key(&self) -> &str {
        match self {
            Event::Get { key } | Event::Put { key, .. } | Event::Delete { key } | Event::Add { key, .. } => key,
        }
    }
}

/// The answer: `{"key": "user/7", "value": "Anna", "tier": 0, "age_ms": 12}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Answer {
    /// The key.
    pub(crate) key: String,
    /// The value that stands now; nothing if the key is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    /// Who answered a get: 0 is memory, 1 the cache on the disk, 2 the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tier: Option<u8>,
    /// How long ago the bucket was asked, where a cache answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age_ms: Option<u64>,
}

impl Answer {
    pub(crate) fn of(key: &str, value: Option<String>) -> Answer {
        Answer { key: key.to_owned(), value, tier: None, age_ms: None }
    }

    pub(crate) fn served(mut self, tier: Option<u8>, age: Option<Duration>) -> Answer {
        self.tier = tier;
        self.age_ms = age.map(|age| age.as_millis() as u64);
        self
    }
}
