//! How a dump is named: a path, `-`, or `STORE::KEY`; and how that is told from a store.

use std::path::PathBuf;

use larder::Key;

use crate::error::{Failure, Result};

/// What a dump may be, for messages.
pub(crate) const FORM: &str = "a dump is a PATH (./PATH, where it looks like a store), - or STORE::KEY";

/// The name of a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DumpName {
    /// Standard input or output.
    Stream,
    /// A file, or the parts of one.
    File(PathBuf),
    /// An object of a store, or the parts of one.
    Object { store: String, key: Key },
}

/// A dump, or a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SideName {
    Dump(DumpName),
    Store(String),
}

impl SideName {
    /// Reads a name that may be a dump's or a store's. A store begins with its scheme or an `@`; a file that is there
    /// and begins so is a dump all the same.
    pub(crate) fn parse(text: &str) -> Result<SideName> {
        if text.is_empty() {
            return Err(Failure::usage("an empty name is neither a store nor a dump").hint(FORM));
        }
        if text == "-" {
            return Ok(SideName::Dump(DumpName::Stream));
        }
        let is_file = is_file(text);
        if !looks_like_store(text) && !is_file && text.contains("://") {
            // Not the text: it is a URL with a mistake, and may hold a secret.
            let why = "a name with :// in it begins with no scheme, and there is no file of that name";
            return Err(Failure::usage(why).hint(FORM));
        }
        if !looks_like_store(text) || is_file {
            return Ok(SideName::Dump(DumpName::File(text.into())));
        }
        let Some((store, key)) = split(text) else { return Ok(SideName::Store(text.to_owned())) };
        // The library's own error would hold the whole text.
        let key = Key::new(key).map_err(|e| {
            Failure::usage(format!("what stands behind :: is no key: {}", e.why())).hint(FORM)
        })?;
        Ok(SideName::Dump(DumpName::Object { store: store.to_owned(), key }))
    }
}

impl DumpName {
    /// Reads the name of a dump.
    pub(crate) fn parse(text: &str) -> Result<DumpName> {
        match SideName::parse(text)? {
            SideName::Dump(name) => Ok(name),
            SideName::Store(_) => Err(Failure::usage("where a dump is wanted, a store is named").hint(FORM)),
        }
    }
}

/// Whether it begins as a store does.
fn looks_like_store(text: &str) -> bool {
    let text = text.trim_ascii_start();
    let scheme = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+.-".contains(&b))
    };
    text.starts_with('@') || text.split_once(':').is_some_and(|(name, _)| scheme(name))
}

/// Whether there is a file of that name, or the first part of a dump.
fn is_file(text: &str) -> bool {
    std::path::Path::new(text).is_file() || std::path::Path::new(&format!("{text}.0001")).is_file()
}

/// Parts `STORE::KEY` at its first `::` that is not within the brackets of an IPv6 address.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ':' if depth <= 0 && text[at..].starts_with("::") => return Some((&text[..at], &text[at + 2..])),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(store: &str, key: &str) -> SideName {
        SideName::Dump(DumpName::Object { store: store.into(), key: Key::new(key).unwrap() })
    }

    fn file(path: &str) -> SideName {
        SideName::Dump(DumpName::File(path.into()))
    }

    #[test]
    fn dumps_are_told_from_stores() {
        let store = |text: &str| SideName::Store(text.into());
        for (text, name) in [
            ("-", SideName::Dump(DumpName::Stream)),
            ("a.larder", file("a.larder")),
            ("/srv/a::b", file("/srv/a::b")),
            ("./file:data::b", file("./file:data::b")),
            ("20:15.larder", file("20:15.larder")),
            ("file:data", store("file:data")),
            ("@prod", store("@prod")),
            ("@", store("@")),
            ("nonsense:x", store("nonsense:x")),
            ("memory: | file:data", store("memory: | file:data")),
            ("file:data::dumps/a", object("file:data", "dumps/a")),
            ("@prod::a::b", object("@prod", "a::b")),
            ("memory: | file:data?fresh=30s::a", object("memory: | file:data?fresh=30s", "a")),
            ("s3://b?endpoint=http://[::1]:9000", store("s3://b?endpoint=http://[::1]:9000")),
            ("s3://b?endpoint=http://[::1]:9000::k", object("s3://b?endpoint=http://[::1]:9000", "k")),
        ] {
            assert_eq!(SideName::parse(text).unwrap(), name, "{text}");
        }
        for wrong in ["", "file:data::", "file:data::a\nb", "S3://b?secret_key=x", "memory | s3://b"] {
            assert!(SideName::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(DumpName::parse("lmdb:db").is_err());
    }
}
