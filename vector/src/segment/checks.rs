//! Checks of chunks, as bytes in CBOR.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};

/// CRC-64/NVME of each chunk.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Checks(pub(crate) Vec<u64>);

impl Serialize for Checks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|word| word.to_le_bytes()).collect();
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for Checks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Words)
    }
}

struct Words;

impl Visitor<'_> for Words {
    type Value = Checks;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, eight for each check")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Checks, E> {
        let (words, rest) = bytes.as_chunks();
        if rest.is_empty() {
            Ok(Checks(words.iter().map(|word| u64::from_le_bytes(*word)).collect()))
        } else {
            Err(E::invalid_length(bytes.len(), &self))
        }
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Checks, E> {
        self.visit_bytes(&bytes)
    }
}
