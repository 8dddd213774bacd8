//! What is kept beside an object: the facts that are known before its bytes, as metadata.
//!
//! One entry, `larder`, holds the write ids and times. The caller's own attributes are entries by their names where
//! those and the values are plain (lower-case letters, digits and hyphens; printable ASCII), and native fields are the
//! service's own; what is not plain goes into the entry `larder-attributes`, as base64 of the deterministic CBOR that records
//! use. S3 takes 2,048 bytes of names and values together, which all of this at its largest stays within; Google Cloud
//! Storage takes 8 KiB.

use std::collections::HashMap;
use std::time::SystemTime;

use base64_simd::STANDARD;
use larder_store_core::time::{from_nanos, to_nanos};
use larder_store_core::{
    Attributes, Error, ErrorKind, MAX_PREDECESSORS, Native, Op, Result, Version, WriteId,
};

/// The entry of what Larder itself keeps.
const FACTS: &str = "larder";
/// The entry of attributes that are not plain.
const ODD: &str = "larder-attributes";
/// The form of `larder` that is written, and the only one that is read.
const FORM: &str = "1";

/// What Larder keeps beside an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) write_id: WriteId,
    /// Newest first, at most [`MAX_PREDECESSORS`].
    pub(crate) predecessors: Vec<WriteId>,
    pub(crate) modified: SystemTime,
    pub(crate) expires: Option<SystemTime>,
}

impl Facts {
    /// The version of the object with this token of the service: its ETag or generation.
    pub(crate) fn version(&self, token: &str) -> Version {
        Version::of_service(token, Some(self.write_id), self.predecessors.iter().copied())
            .with_expiry(self.expires)
    }
}

/// Metadata entries by name.
pub(crate) type Entries = HashMap<String, String>;

/// The service's own fields, by the place in [`Native::ALL`].
pub(crate) type Fields = [Option<String>; Native::ALL.len()];

/// Whether a header can carry it as it is.
fn is_plain_value(value: &str) -> bool {
    let printable = value.bytes().all(|b| (0x20..0x7f).contains(&b));
    // RFC 2047's encoded words are decoded on the way, and blanks at the ends are cut.
    printable && !value.is_empty() && value.trim() == value && !value.contains("=?")
}

fn is_plain_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !name.is_empty() && name.bytes().all(plain) && !name.starts_with(FACTS)
}

/// Where a native field is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// As the service's own, which every answer tells.
    Field,
    /// Also among the attributes that are not plain, as some answer does not tell it.
    #[cfg(any(feature = "gs", test))]
    Both,
    /// Only there.
    Beside,
}

/// Writes facts and attributes as metadata entries and native fields. `kept` tells where a native field goes that a
/// header can carry.
pub(crate) fn write(
    facts: &Facts,
    attributes: &Attributes,
    kept: impl Fn(Native, &str) -> Kept,
) -> Result<(Entries, Fields)> {
    let mut entries = Entries::new();
    let mut odd = Attributes::new();
    let mut fields = Fields::default();
    for native in Native::ALL {
        let Some(value) = attributes.native(native) else { continue };
        let kept = if is_plain_value(value) { kept(native, value) } else { Kept::Beside };
        if kept != Kept::Beside {
            fields[native as usize] = Some(value.to_owned());
        }
        if kept != Kept::Field {
            odd = odd.set_native(native, value);
        }
    }
    for (name, value) in attributes.iter() {
        match is_plain_name(name) && is_plain_value(value) {
            true => drop(entries.insert(name.to_owned(), value.to_owned())),
            false => odd = odd.set(name, value),
        }
    }
    if !odd.is_empty() {
        entries.insert(ODD.into(), STANDARD.encode_to_string(odd.encode()?));
    }
    // A service makes up a content type where none is given, so it is said whether one was.
    let typed = if fields[Native::ContentType as usize].is_some() { ";t" } else { "" };
    let ids: Vec<_> = facts.predecessors.iter().take(MAX_PREDECESSORS).map(ToString::to_string).collect();
    let mut text =
        format!("{FORM};w={};p={};m={}{typed}", facts.write_id, ids.join(","), nanos(facts.modified)?);
    if let Some(expires) = facts.expires {
        text.push_str(&format!(";x={}", nanos(expires)?));
    }
    entries.insert(FACTS.into(), text);
    Ok((entries, fields))
}

/// Reads what [`write`] wrote, and what other tools keep beside their objects.
///
/// # Errors
/// [`ErrorKind::Corrupt`] for an entry of ours that is damaged; [`ErrorKind::Unsupported`] for one of a later form.
pub(crate) fn read(entries: Option<&Entries>, fields: &Fields) -> Result<(Option<Facts>, Attributes)> {
    let entry = |name: &str| entries.and_then(|entries| entries.get(name)).map(String::as_str);
    let (facts, typed) = match entry(FACTS) {
        Some(text) => facts(text).map(|(facts, typed)| (Some(facts), typed))?,
        None => (None, true),
    };
    let mut attributes = match entry(ODD) {
        Some(text) => {
            let bytes = STANDARD.decode_to_vec(text).map_err(|_| damaged(ODD))?;
            Attributes::decode(&bytes).map_err(|_| damaged(ODD))?
        }
        None => Attributes::new(),
    };
    for (name, value) in entries.into_iter().flatten() {
        if name != FACTS && name != ODD {
            attributes = attributes.set(name, value);
        }
    }
    for native in Native::ALL {
        let made_up = native == Native::ContentType && !typed;
        if let Some(value) = &fields[native as usize]
            && !made_up
            && attributes.native(native).is_none()
            && let Some(value) = sent(native, value)
        {
            attributes = attributes.set_native(native, value);
        }
    }
    Ok((facts, attributes))
}

/// What was given, of what a service says: some keep how the bytes were framed on the way.
fn sent(native: Native, value: &str) -> Option<&str> {
    match native {
        Native::ContentEncoding => {
            let value = value.trim_end_matches("aws-chunked").trim_end_matches([',', ' ']);
            Some(value).filter(|value| !value.is_empty())
        }
        _ => Some(value),
    }
}

fn facts(text: &str) -> Result<(Facts, bool)> {
    let wrong = || damaged(FACTS);
    let mut parts = text.split(';');
    if parts.next() != Some(FORM) {
        let why = "the object's metadata is of a form that this version does not know";
        return Err(
            Error::new(ErrorKind::Unsupported, Op::Get, why).hint("a later version of Larder wrote it")
        );
    }
    let (mut write_id, mut modified, mut expires, mut predecessors, mut typed) =
        (None, None, None, Vec::new(), false);
    for part in parts {
        match part.split_once('=') {
            Some(("w", id)) => write_id = Some(id.parse().map_err(|_| wrong())?),
            Some(("p", ids)) => {
                for id in ids.split(',').filter(|id| !id.is_empty()) {
                    predecessors.push(id.parse().map_err(|_| wrong())?);
                }
            }
            Some(("m", time)) => modified = Some(time_of(time).ok_or_else(wrong)?),
            Some(("x", time)) => expires = Some(time_of(time).ok_or_else(wrong)?),
            None if part == "t" => typed = true,
            _ => return Err(wrong()),
        }
    }
    if predecessors.len() > MAX_PREDECESSORS {
        return Err(wrong());
    }
    let (write_id, modified) = (write_id.ok_or_else(wrong)?, modified.ok_or_else(wrong)?);
    Ok((Facts { write_id, predecessors, modified, expires }, typed))
}

fn damaged(entry: &str) -> Error {
    Error::new(ErrorKind::Corrupt, Op::Get, format!("the object's metadata entry {entry:?} is damaged"))
}

fn nanos(time: SystemTime) -> Result<i64> {
    to_nanos(time)
        .ok_or_else(|| Error::new(ErrorKind::Invalid, Op::Put, "a time is before 1677 or after 2262"))
}

fn time_of(text: &str) -> Option<SystemTime> {
    text.parse().ok().map(from_nanos)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn full() -> Facts {
        Facts {
            write_id: WriteId::from_bytes([0xfe; 16]),
            predecessors: (0..8).map(|n| WriteId::from_bytes([n; 16])).collect(),
            modified: UNIX_EPOCH + Duration::new(1_800_000_000, 123_456_789),
            expires: Some(UNIX_EPOCH - Duration::from_nanos(5)),
        }
    }

    fn bytes(entries: &Entries) -> usize {
        entries.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    #[test]
    fn everything_comes_back_and_fits() {
        let odd = "ä".repeat(480);
        let all = [
            Attributes::new(),
            Attributes::new().content_type("text/plain").cache_control("no-cache").set("owner", "anna"),
            Attributes::new().set("Owner", "Anna").set("empty", "").set("larder", "x").set("blank", " x "),
            Attributes::new().content_type("text/\u{e9}").set("word", "=?UTF-8?Q?a?=").set("b-2", "=?"),
            Attributes::new().set("odd", odd),
            Attributes::new().set("n", "x".repeat(1016)),
        ];
        for attributes in all {
            let (entries, fields) = write(&full(), &attributes, |_, _| Kept::Field).unwrap();
            assert!(bytes(&entries) <= 2048, "{} bytes", bytes(&entries));
            for (name, value) in &entries {
                assert!(name.is_ascii() && is_plain_value(value), "{name}: {value}");
            }
            let (facts, back) = read(Some(&entries), &fields).unwrap();
            assert_eq!((facts, back), (Some(full()), attributes));
        }
    }

    #[test]
    fn a_content_type_that_s3_made_up_is_none() {
        let (entries, mut fields) = write(&full(), &Attributes::new(), |_, _| Kept::Field).unwrap();
        fields[Native::ContentType as usize] = Some("binary/octet-stream".into());
        assert_eq!(read(Some(&entries), &fields).unwrap().1, Attributes::new());
        // That of another tool is its own.
        assert_eq!(read(None, &fields).unwrap().1, Attributes::new().content_type("binary/octet-stream"));
        fields[Native::ContentEncoding as usize] = Some("gzip,aws-chunked".into());
        assert_eq!(read(Some(&entries), &fields).unwrap().1.native(Native::ContentEncoding), Some("gzip"));
    }

    #[test]
    fn a_field_that_an_answer_does_not_tell_comes_back() {
        let given = Attributes::new().content_type("text/plain").cache_control("no-cache");
        let kept = |native, _: &str| match native {
            Native::CacheControl => Kept::Both,
            Native::ContentType => Kept::Beside,
            _ => Kept::Field,
        };
        let (entries, mut fields) = write(&full(), &given, kept).unwrap();
        assert_eq!(fields[Native::CacheControl as usize].as_deref(), Some("no-cache"));
        assert_eq!(fields[Native::ContentType as usize], None);
        assert_eq!(read(Some(&entries), &fields).unwrap().1, given);
        fields[Native::CacheControl as usize] = None;
        assert_eq!(read(Some(&entries), &fields).unwrap().1, given);
    }

    #[test]
    fn damage_is_told() {
        for text in ["1", "1;w=1;m=1", "1;w=00000000000000000000000000000000", "1;z=1", "1;m=x"] {
            let entries = Entries::from([("larder".into(), text.into())]);
            assert_eq!(
                read(Some(&entries), &Fields::default()).unwrap_err().kind(),
                ErrorKind::Corrupt,
                "{text}"
            );
        }
        let later = Entries::from([("larder".into(), "2;w=1".into())]);
        assert_eq!(read(Some(&later), &Fields::default()).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
