//! What is kept beside a value.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::cbor::{self, Value};
use crate::error::{Error, ErrorKind, Op, Result};

/// The most bytes that attributes may take when encoded.
pub const MAX_ATTRIBUTES: usize = 1024;

/// What is kept beside a value: native fields that services know, and names of the caller's own.
///
/// At most [`MAX_ATTRIBUTES`] bytes when encoded as deterministic CBOR ([`Attributes::encode`]). Empty ones allocate
/// nothing, and all are cheap to clone.
///
/// ```
/// use larder_store_core::Attributes;
/// let attributes = Attributes::new().content_type("text/plain").set("owner", "anna");
/// assert_eq!(attributes.get("owner"), Some("anna"));
/// assert_eq!(Attributes::decode(&attributes.encode()?)?, attributes);
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Attributes(Option<Arc<Fields>>);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Fields {
    native: [Option<String>; Native::ALL.len()],
    own: BTreeMap<String, String>,
}

/// The fields that object stores and HTTP know by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Native {
    /// `Content-Type`.
    ContentType,
    /// `Cache-Control`.
    CacheControl,
    /// `Content-Encoding`.
    ContentEncoding,
    /// `Content-Disposition`.
    ContentDisposition,
    /// `Content-Language`.
    ContentLanguage,
}

impl Native {
    /// All of them; a field's place here plus one is its number in the encoding.
    pub const ALL: [Native; 5] = [
        Native::ContentType,
        Native::CacheControl,
        Native::ContentEncoding,
        Native::ContentDisposition,
        Native::ContentLanguage,
    ];

    /// The name of the HTTP header.
    pub fn header(self) -> &'static str {
        match self {
            Native::ContentType => "content-type",
            Native::CacheControl => "cache-control",
            Native::ContentEncoding => "content-encoding",
            Native::ContentDisposition => "content-disposition",
            Native::ContentLanguage => "content-language",
        }
    }
}

impl Attributes {
    /// None at all.
    pub const fn new() -> Attributes {
        Attributes(None)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn fields(&mut self) -> &mut Fields {
        Arc::make_mut(self.0.get_or_insert_default())
    }

    /// Sets a native field.
    pub fn set_native(mut self, field: Native, value: impl Into<String>) -> Attributes {
        self.fields().native[field as usize] = Some(value.into());
        self
    }

    /// Sets `Content-Type`.
    pub fn content_type(self, value: impl Into<String>) -> Attributes {
        self.set_native(Native::ContentType, value)
    }

    /// Sets `Cache-Control`.
    pub fn cache_control(self, value: impl Into<String>) -> Attributes {
        self.set_native(Native::CacheControl, value)
    }

    /// Sets a name of the caller's own. Names are case-sensitive here; services that fold case say so.
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Attributes {
        self.fields().own.insert(name.into(), value.into());
        self
    }

    /// A native field.
    pub fn native(&self, field: Native) -> Option<&str> {
        self.0.as_ref()?.native[field as usize].as_deref()
    }

    /// One of the caller's own.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.as_ref()?.own.get(name).map(String::as_str)
    }

    /// The caller's own, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|f| f.own.iter().map(|(k, v)| (k.as_str(), v.as_str())))
    }

    /// Encodes them as one deterministic CBOR map (RFC 8949, 4.2.1): native fields under 1 to 5, in the order of
    /// [`Native::ALL`], the caller's own as a map under 0. No attributes are no bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] above [`MAX_ATTRIBUTES`] bytes.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let Some(fields) = &self.0 else { return Ok(Vec::new()) };
        let mut map = Vec::new();
        if !fields.own.is_empty() {
            let own = fields.own.iter().map(|(k, v)| (Value::from(k.as_str()), Value::from(v.as_str())));
            map.push((Value::from(0), Value::Map(own.collect())));
        }
        for (i, value) in fields.native.iter().enumerate() {
            if let Some(value) = value {
                map.push((Value::from(i as u64 + 1), Value::from(value.as_str())));
            }
        }
        let bytes = cbor::encode_deterministic(&Value::Map(map))?;
        if bytes.len() > MAX_ATTRIBUTES {
            let why = format!("attributes of {} bytes are more than {MAX_ATTRIBUTES}", bytes.len());
            return Err(
                Error::new(ErrorKind::Invalid, Op::Put, why).hint("keep what is large in a value of its own")
            );
        }
        Ok(bytes)
    }

    /// Reads what [`Attributes::encode`] wrote.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for anything else, a field number that is not known included.
    pub fn decode(bytes: &[u8]) -> Result<Attributes> {
        if bytes.is_empty() {
            return Ok(Attributes::new());
        }
        let wrong = |why: &str| Error::new(ErrorKind::Corrupt, Op::Parse, format!("attributes: {why}"));
        if bytes.len() > MAX_ATTRIBUTES {
            return Err(wrong("longer than they may be"));
        }
        let Value::Map(map) = cbor::decode(bytes)? else { return Err(wrong("not a map")) };
        let mut fields = Fields::default();
        for (number, value) in map {
            let number = number.as_integer().and_then(|n| usize::try_from(n).ok());
            match (number, value) {
                (Some(0), Value::Map(own)) => {
                    for (name, value) in own {
                        match (name, value) {
                            (Value::Text(name), Value::Text(value)) => fields.own.insert(name, value),
                            _ => return Err(wrong("a name or value that is no text")),
                        };
                    }
                }
                (Some(n), Value::Text(value)) if (1..=Native::ALL.len()).contains(&n) => {
                    fields.native[n - 1] = Some(value);
                }
                _ => return Err(wrong("a field that this version does not know")),
            }
        }
        Ok(Attributes(Some(Arc::new(fields))))
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let native = Native::ALL.iter().filter_map(|n| Some((n.header(), self.native(*n)?)));
        f.debug_map().entries(native).entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_setting_does_not_show() {
        let a = Attributes::new().set("b", "1").content_type("x").set("aa", "2");
        let b = Attributes::new().set("aa", "2").set("b", "1").content_type("x");
        assert_eq!(a.encode().unwrap(), b.encode().unwrap());
        assert_eq!(Attributes::decode(&a.encode().unwrap()).unwrap(), b);
    }

    #[test]
    fn the_limit_is_exact() {
        // map(1), 0, map(1), text "n", text16 header: 1 + 1 + 1 + 2 + 3 bytes.
        let exact = Attributes::new().set("n", "x".repeat(MAX_ATTRIBUTES - 8));
        assert_eq!(exact.encode().unwrap().len(), MAX_ATTRIBUTES);
        let over = Attributes::new().set("n", "x".repeat(MAX_ATTRIBUTES - 7));
        assert_eq!(over.encode().unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[test]
    fn damage_is_an_error() {
        for bad in [&[0xa1, 0x07, 0x61, 0x61][..], &[0x01], &[0xa1], &[0xa1, 0x00, 0xa1, 0x01, 0x61, 0x61]] {
            assert_eq!(Attributes::decode(bad).unwrap_err().kind(), ErrorKind::Corrupt, "{bad:x?}");
        }
    }
}
