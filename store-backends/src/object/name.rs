//! Keys and the names of objects.
//!
//! Nearly every key is its own name behind the store's prefix, so that other tools find it. S3 refuses a name whose
//! `..` leave the root, and tools take such a one for a path, so a segment that begins with two dots gets a `~` behind
//! them: `a/../b` is kept as `a/..~/b`. The same for all such segments, so that the names come in the order of the keys.
//! Keys of the system space live under `..larder/`, which is the name of no other key. What else a service refuses at
//! the root of a bucket gets a mark too: Google Cloud Storage has no `.` and nothing in `.well-known/acme-challenge/`.

use larder_store_core::system::{self, Space};
use larder_store_core::{Error, ErrorKind, Key, Op, Result};

use super::Service;

/// The longest name of an object, in bytes (Amazon S3 User Guide, "Naming Amazon S3 objects"; Cloud Storage, "About Cloud
/// Storage objects").
pub(crate) const MAX_NAME: usize = 1024;

/// What stands behind the two dots that a segment begins with.
const MARK: char = '~';

/// What a name of blanks alone, or one that is a single dot, ends in.
const END: char = '\u{1}';

/// The folder of the system space, behind the store's prefix.
const SYSTEM: &str = "..larder/";

/// The longest prefix, its slash included.
const MAX_PREFIX: usize = MAX_NAME - SYSTEM.len() - (4 * Key::PORTABLE_LEN).div_ceil(3) - 1;

/// Names of objects behind one prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    service: Service,
    /// Nothing, or a prefix that ends in a slash.
    root: String,
}

/// What a name turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// A key of the space that is listed.
    Key(Key),
    /// An object of the other space.
    Other,
    /// No key has this name.
    Foreign(String),
}

impl Names {
    /// Names behind `prefix`, which gets a slash if it has none.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a prefix that no name can begin with, or that leaves too little for keys.
    pub(crate) fn new(service: Service, prefix: &str) -> Result<Names> {
        let refuse = |why: String| {
            Err(Error::new(ErrorKind::Invalid, Op::Open, format!("{}: {why}", service.scheme())))
        };
        let mut root = prefix.to_owned();
        if !root.is_empty() && !root.ends_with('/') {
            root.push('/');
        }
        if root.starts_with('/') || root.split('/').any(|segment| segment == "..") {
            return refuse(format!("the prefix {prefix:?} begins with a slash or holds a \"..\""));
        }
        if service.forbidden().is_some_and(|begin| root.starts_with(begin)) {
            return refuse(format!("{} takes no names that begin with {root:?}", service.title()));
        }
        if !root.is_empty() && Key::new(root.as_str()).is_err() {
            return refuse("the prefix holds a control character or is longer than a key".into());
        }
        let names = Names { service, root };
        if names.root.len() > MAX_PREFIX || names.max_key() < Key::PORTABLE_LEN {
            return refuse(format!(
                "a prefix of {} bytes is longer than the {MAX_PREFIX} that leave room for keys",
                names.root.len()
            ));
        }
        Ok(names)
    }

    /// The prefix, with its slash.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// The longest key that fits whatever it is made of: the worst of keys is made of `../`, each of which takes one
    /// byte more.
    pub(crate) fn max_key(&self) -> usize {
        (3 * (MAX_NAME - SYSTEM.len() - self.root.len()) - 1) / 4
    }

    /// The name of the object that holds this key's value.
    pub(crate) fn of(&self, op: Op, key: &Key) -> Result<String> {
        let name = self.whole(key.space(), key.as_str());
        if name.len() > MAX_NAME {
            let why = format!(
                "the object's name would have {} bytes, and {} takes {MAX_NAME}",
                name.len(),
                self.service.title()
            );
            return Err(Error::new(ErrorKind::Unsupported, op, why).on(key));
        }
        Ok(name)
    }

    /// The name of a whole key. An SDK takes a name of blanks alone for none at all, and a service one that is a dot, so
    /// such a one ends in a character that no key has and that comes before all others.
    pub(crate) fn whole(&self, space: Space, text: &str) -> String {
        let mut name = self.of_text(space, text);
        if is_none(&name) {
            name.push(END);
        }
        name
    }

    /// The name of a text that may be the beginning of keys. What begins with the text has a name that begins with
    /// this, and names come in the order of texts.
    pub(crate) fn of_text(&self, space: Space, text: &str) -> String {
        let mut name = String::with_capacity(self.root.len() + SYSTEM.len() + text.len() + 4);
        name.push_str(&self.root);
        if space == Space::System {
            name.push_str(SYSTEM);
        }
        let mut rest = text;
        loop {
            if let Some(behind) = rest.strip_prefix("..") {
                name.push_str("..");
                name.push(MARK);
                rest = behind;
            }
            let Some(slash) = rest.find('/') else { break };
            name.push_str(&rest[..=slash]);
            rest = &rest[slash + 1..];
        }
        name.push_str(rest);
        if let Some(begin) = self.service.forbidden()
            && name.starts_with(begin)
        {
            name.insert(begin.len(), MARK);
        }
        name
    }

    /// The text that a name stands for; `None` for a name of the other space, and an error for one of no text.
    fn text_of(&self, space: Space, name: &str) -> Option<Result<String, &'static str>> {
        let Some(mut rest) = name.strip_prefix(self.root.as_str()) else {
            return Some(Err("its name does not begin with the store's prefix"));
        };
        match (space, rest.strip_prefix(SYSTEM)) {
            (Space::System, Some(behind)) => rest = behind,
            (Space::User, None) => {}
            _ => return None,
        }
        if let Some(text) = name.strip_suffix(END).filter(|text| is_none(text)) {
            return Some(Ok(text.to_owned()));
        }
        let marked;
        if let Some(begin) = self.service.forbidden()
            && let Some(behind) = name.strip_prefix(begin)
        {
            let Some(behind) = behind.strip_prefix(MARK) else {
                return Some(Err("its name begins as no key's does here"));
            };
            marked = format!("{begin}{behind}");
            rest = &marked;
        }
        let mut text = String::with_capacity(rest.len());
        loop {
            if let Some(behind) = rest.strip_prefix("..") {
                let Some(behind) = behind.strip_prefix(MARK) else {
                    return Some(Err("a part of its name begins with two dots, as no key's does here"));
                };
                text.push_str("..");
                rest = behind;
            }
            let Some(slash) = rest.find('/') else { break };
            text.push_str(&rest[..=slash]);
            rest = &rest[slash + 1..];
        }
        text.push_str(rest);
        Some(Ok(text))
    }

    /// The key whose value an object holds.
    pub(crate) fn key(&self, space: Space, name: &str) -> Named {
        match self.text_of(space, name) {
            None => Named::Other,
            Some(Err(why)) => Named::Foreign(why.into()),
            Some(Ok(text)) => match system::key_in(space, text) {
                Ok(key) => Named::Key(key),
                Err(error) => Named::Foreign(error.why().to_owned()),
            },
        }
    }

    /// The common prefix of keys that a common prefix of names stands for.
    ///
    /// `None` for one of the other space, an error that says why it is foreign.
    pub(crate) fn common(&self, space: Space, name: &str) -> Option<Result<String, &'static str>> {
        self.text_of(space, name)
    }

    /// What all names of the system space begin with.
    pub(crate) fn system(&self) -> String {
        format!("{}{SYSTEM}", self.root)
    }
}

/// Whether somebody takes this name for none.
fn is_none(name: &str) -> bool {
    name.trim().is_empty() || name == "."
}

/// A text behind every name that `begin` begins: the last one that fits.
pub(crate) fn last_of(begin: &str) -> String {
    let mut last = begin.to_owned();
    for filler in ['\u{10ffff}', '\u{ffff}', '\u{7ff}', '~'] {
        while last.len() + filler.len_utf8() <= MAX_NAME {
            last.push(filler);
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "s3")]
    const SERVICE: Service = Service::S3;
    #[cfg(not(feature = "s3"))]
    const SERVICE: Service = Service::Gs;

    const TEXTS: [&str; 28] = [
        " ",
        "  ",
        " !",
        "-",
        ". ",
        "..",
        "../",
        "../..",
        "../../a",
        "..!",
        "..a",
        "..~",
        "..~/b",
        "./",
        "./..",
        ".a",
        "/",
        "//",
        "/../x",
        "a",
        "a/..",
        "a/../b",
        "a/..b/..",
        "larder",
        ".",
        ".well-known/acme-challenge",
        ".well-known/acme-challenge..",
        ".well-known/acme-challenge/../x",
    ];

    #[test]
    fn names_keep_the_order_and_come_back() {
        let services = [
            #[cfg(feature = "s3")]
            Service::S3,
            #[cfg(feature = "gs")]
            Service::Gs,
        ];
        for (service, root) in services.into_iter().flat_map(|one| ["", "p", "p/q/"].map(|root| (one, root)))
        {
            let names = Names::new(service, root).unwrap();
            for space in [Space::User, Space::System] {
                let mut kept: Vec<_> = TEXTS.iter().map(|t| (t.as_bytes(), names.whole(space, t))).collect();
                kept.sort();
                assert!(kept.is_sorted_by(|a, b| a.1.as_bytes() < b.1.as_bytes()), "{kept:?}");
                for text in TEXTS {
                    let key = system::key_in(space, text).unwrap();
                    let name = names.of(Op::Get, &key).unwrap();
                    let leaves = name.split('/').any(|segment| segment == "..");
                    assert!(!leaves, "{name:?} leaves its root");
                    let begin = service.forbidden().map(|begin| format!("{begin}/"));
                    assert!(name != "." && !begin.is_some_and(|begin| name.starts_with(&begin)), "{name:?}");
                    assert_eq!(names.key(space, &name), Named::Key(key));
                    let other = if space == Space::User { Space::System } else { Space::User };
                    assert_eq!(names.key(other, &name), Named::Other);
                }
            }
        }
    }

    #[test]
    fn what_begins_alike_has_names_that_do() {
        let names = Names::new(SERVICE, "p").unwrap();
        for text in TEXTS {
            for (at, _) in text.char_indices() {
                let (begin, whole) =
                    (names.of_text(Space::User, &text[..at]), names.of_text(Space::User, text));
                assert!(whole.starts_with(&begin), "{begin:?} {whole:?}");
            }
        }
    }

    #[test]
    fn blanks_alone_are_names() {
        let names = Names::new(SERVICE, "").unwrap();
        for text in [" ", "   ", "\u{2003}"] {
            let key = Key::new(text).unwrap();
            let name = names.of(Op::Get, &key).unwrap();
            assert!(!name.trim().is_empty() && name.starts_with(text));
            assert_eq!(names.key(Space::User, &name), Named::Key(key));
        }
    }

    #[test]
    fn foreign_names_are_told() {
        let names = Names::new(SERVICE, "p").unwrap();
        for name in ["p/..", "p/a/..b", "p/", "p/a\nb", "q"] {
            assert!(matches!(names.key(Space::User, name), Named::Foreign(_)), "{name}");
        }
        assert_eq!(names.key(Space::User, "p/..larder/lease"), Named::Other);
    }

    #[test]
    fn prefixes_that_cannot_be_are_refused() {
        for bad in ["/a", "a/../b", "..", "a\nb", "x".repeat(400).as_str()] {
            assert_eq!(Names::new(SERVICE, bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
        }
        let longest = Names::new(SERVICE, &"x".repeat(MAX_PREFIX - 1)).unwrap();
        assert!(Names::new(SERVICE, &"x".repeat(MAX_PREFIX)).is_err());
        let worst = Key::new("../".repeat(160)).unwrap();
        assert!(longest.of(Op::Get, &worst).is_ok());
        assert!(longest.max_key() >= Key::PORTABLE_LEN);
    }
}
