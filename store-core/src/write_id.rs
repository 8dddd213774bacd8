//! Identity of one logical write.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::env::Env;
use crate::error::{Error, ErrorKind, Op, Result};

/// A random 128-bit id of one logical write.
///
/// It is stored with the value. Every attempt to make the same write carries the same id, so that a reader can
/// tell its own success from somebody else's write.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct WriteId([u8; 16]);

impl WriteId {
    /// Draws a new id from the environment's randomness.
    pub fn random(env: &Env) -> WriteId {
        let mut bytes = [0; 16];
        env.fill_random(&mut bytes);
        WriteId(bytes)
    }

    /// The id with these bytes, as a record holds them.
    pub const fn from_bytes(bytes: [u8; 16]) -> WriteId {
        WriteId(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteId({self})")
    }
}

impl From<WriteId> for String {
    fn from(id: WriteId) -> String {
        id.to_string()
    }
}

impl std::str::FromStr for WriteId {
    type Err = Error;

    fn from_str(text: &str) -> Result<WriteId> {
        let wrong = || Error::new(ErrorKind::Invalid, Op::Parse, "a write id is 32 hexadecimal digits");
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 16];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| wrong())?;
        }
        Ok(WriteId(bytes))
    }
}

impl TryFrom<String> for WriteId {
    type Error = Error;
    fn try_from(text: String) -> Result<WriteId> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let id = WriteId::random(&Env::system());
        assert_eq!(id.to_string().parse::<WriteId>().unwrap(), id);
        for bad in ["", "0", &"g".repeat(32), &"é".repeat(16), "+1".repeat(16).as_str()] {
            assert!(bad.parse::<WriteId>().is_err(), "{bad}");
        }
    }
}
