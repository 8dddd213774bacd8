//! The walk through the folders, in the order of keys.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use larder_store_core::system::Space;
use larder_store_core::{Call, Env, Error, ErrorKind, Key, Listed, Meta, Op, Result};
use rustix::fs::{Mode, openat};
use rustix::io::Errno;

use super::entry::{Entry, What, key};
use super::scan::{Entries, scan};
use crate::file::config::Layout;
use crate::file::error::failed;
use crate::file::gate::Gate;
use crate::file::handle::Handle;
use crate::file::name::{self, Kind};
use crate::file::path::SYSTEM;
use crate::file::raw::Tag;
use crate::file::root::{OPEN_FILE, Root};
use crate::file::source::Source;
use crate::folder::OPEN_FOLDER;

/// Bytes of memory for entries that wait for their turn, in all folders of the walk together.
const BUDGET: usize = 4 << 20;
/// What each folder may take in any case.
const LEAST: usize = 64 << 10;

/// What a listing works with.
pub(super) struct Cx {
    pub(super) op: Op,
    pub(super) handle: Arc<Handle>,
    pub(super) root: Arc<Root>,
    pub(super) layout: Layout,
    pub(super) space: Space,
    pub(super) call: Call,
    /// Shut when nobody reads the listing any more.
    pub(super) gate: Gate,
}

impl Cx {
    pub(super) fn env(&self) -> &Env {
        &self.handle.env
    }

    /// Stops what nobody waits for any more.
    pub(super) fn check(&self) -> Result<()> {
        if self.gate.is_shut() {
            return Err(Error::new(ErrorKind::Cancelled, self.op, "nobody reads the listing any more"));
        }
        self.call.check(self.env(), self.op)
    }
}

/// A walk under way.
pub(super) struct Walk {
    pub(super) cx: Cx,
    prefix: String,
    /// Keys before this are not wanted, and this one itself only if `inclusive`.
    bound: Vec<u8>,
    inclusive: bool,
    /// Foreign names up to this were told before.
    told: String,
    /// Whether folders behind the prefix are told by their names, and not entered.
    folds: bool,
    frames: Vec<Frame>,
    /// The folder of the last frame, while it is open.
    folder: Option<OwnedFd>,
}

/// A folder on the way.
struct Frame {
    /// What all keys in it begin with.
    key: Vec<u8>,
    path: String,
    entries: Entries,
}

impl Walk {
    /// Begins at the deepest folder that all keys with this prefix lie in.
    pub(super) fn begin(
        cx: Cx,
        prefix: &str,
        start_after: Option<&str>,
        bound: (Vec<u8>, bool),
        folds: bool,
    ) -> Result<Walk> {
        let mut walk = Walk {
            cx,
            prefix: prefix.to_owned(),
            bound: bound.0,
            inclusive: bound.1,
            told: start_after.unwrap_or_default().to_owned(),
            folds,
            frames: Vec::new(),
            folder: None,
        };
        let base = match walk.cx.space {
            Space::User => "",
            Space::System => SYSTEM,
        };
        if prefix.len() <= Key::MAX_LEN && !prefix.chars().any(char::is_control) {
            let place = match walk.cx.layout {
                Layout::Record => record_place(base, prefix),
                Layout::Raw => raw_place(prefix),
            };
            if let Some((path, key_len)) = place {
                walk.enter(path, prefix.as_bytes()[..key_len].to_vec())?;
            }
        }
        Ok(walk)
    }

    /// From now on keys before this are not wanted, and this one only if `inclusive`.
    pub(super) fn skip_to(&mut self, bound: Vec<u8>, inclusive: bool) {
        self.bound = bound;
        self.inclusive = inclusive;
    }

    /// The next thing in order. `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Listed>> {
        loop {
            self.cx.check()?;
            let Some(frame) = self.frames.last_mut() else { return Ok(None) };
            let Some(entry) = frame.entries.next(&self.cx)? else {
                self.frames.pop();
                self.folder = None;
                continue;
            };
            if !wanted(&frame.key, &entry, &self.prefix, &self.bound, self.inclusive, &self.told) {
                continue;
            }
            let text = [&frame.key[..], &entry.text].concat();
            let name = entry.name(self.cx.layout);
            let path = join(&frame.path, &name);
            match entry.what {
                What::Foreign => return Ok(Some(foreign(&text, &path, "Larder did not write it"))),
                What::Value => {
                    if let Some(found) = self.value(&text, &name, path)? {
                        return Ok(Some(found));
                    }
                }
                What::Folder if self.folds && text.len() > self.prefix.len() => {
                    // Its name, not its keys, decides whether a listing that goes on has told it before.
                    let common = String::from_utf8_lossy(&text).into_owned();
                    if common > self.told && super::probe::holds_value(&self.cx, &path, &text)? {
                        return Ok(Some(Listed::Prefix(common)));
                    }
                }
                What::Folder | What::Continued => self.enter(path, text)?,
            }
        }
    }

    /// Reads a folder. One that is not there (any more) has nothing in it.
    fn enter(&mut self, path: String, key: Vec<u8>) -> Result<()> {
        let folder = match self.cx.root.open(&path, OPEN_FOLDER) {
            Ok(folder) => folder,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            Err(e) => return Err(failed(self.cx.op, e, format_args!("opening the folder {path:?}"))),
        };
        let used: usize = self.frames.iter().map(|frame| frame.entries.weight()).sum();
        let budget = BUDGET.saturating_sub(used).max(LEAST);
        let (prefix, bound, inclusive, told) = (&self.prefix, &self.bound, self.inclusive, &self.told);
        let entries = scan(&self.cx, &folder, path.is_empty(), budget, |entry| {
            wanted(&key, entry, prefix, bound, inclusive, told)
        })?;
        self.frames.push(Frame { key, path, entries });
        self.folder = Some(folder);
        Ok(())
    }

    /// The value in a file. `None` if it is gone or has expired.
    fn value(&mut self, text: &[u8], name: &str, path: String) -> Result<Option<Listed>> {
        let Some(key) = key(self.cx.space, text) else {
            return Ok(Some(foreign(text, &path, "its name stands for no legal key")));
        };
        if self.folder.is_none() {
            // Back from a folder in this one.
            let parent = self.frames.last().map_or("", |frame| &frame.path);
            match self.cx.root.open(parent, OPEN_FOLDER) {
                Ok(folder) => self.folder = Some(folder),
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
                Err(e) => return Err(failed(self.cx.op, e, format_args!("opening the folder {parent:?}"))),
            }
        }
        let Some(folder) = &self.folder else { return Ok(None) };
        look(&self.cx, folder, name, &key, path)
    }
}

/// What a file that has the name of a value is.
pub(super) fn look(cx: &Cx, folder: &OwnedFd, name: &str, key: &Key, path: String) -> Result<Option<Listed>> {
    let file = match openat(folder, name, OPEN_FILE, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Ok(Some(foreign(key.as_bytes(), &path, "it is a symbolic link"))),
        Err(e) => return Err(failed(cx.op, e, format_args!("opening the file {path:?}"))),
    };
    let read = || -> Result<Option<Meta>> {
        let source = Source::of(cx.op, file)?;
        // A raw file has no head, and nothing to check.
        if cx.layout == Layout::Raw {
            return Ok(Some(Tag::of(cx.op, &source.file)?.meta(key)));
        }
        let (head, _) = source.head(cx.op, Some(key))?;
        Ok((!head.is_expired(cx.env().wall())).then(|| head.meta(source.len)))
    };
    match read() {
        Ok(meta) => Ok(meta.map(Listed::Entry)),
        Err(e) if matches!(e.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported) => {
            Ok(Some(foreign(key.as_bytes(), &path, &without_key(&e))))
        }
        Err(e) => Err(e.on(key)),
    }
}

/// What an error says, without what the listing says anyway.
fn without_key(error: &Error) -> String {
    let text = error.to_string();
    match text.split_once(&format!("{}: ", error.kind())) {
        Some((_, why)) => why.to_owned(),
        None => text,
    }
}

/// Something under the name that a key would have there: a listing can go on from it.
fn foreign(text: &[u8], path: &str, why: &str) -> Listed {
    let name = String::from_utf8_lossy(text).into_owned();
    Listed::Foreign { name, why: format!("the file {path}: {why}") }
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

/// Whether a listing wants something of an entry in a folder whose keys begin with `key`.
fn wanted(key: &[u8], entry: &Entry, prefix: &str, bound: &[u8], inclusive: bool, told: &str) -> bool {
    if entry.what == What::Foreign {
        // Its name stands for it, so that a listing that goes on tells it once.
        let name = [key, &entry.text].concat();
        let name = String::from_utf8_lossy(&name);
        return name.starts_with(prefix) && *name > *told;
    }
    let rest = &prefix.as_bytes()[key.len().min(prefix.len())..];
    if !entry.text.starts_with(rest) {
        return false;
    }
    let own = key.iter().chain(&entry.text[..]);
    match own.clone().cmp(bound) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => inclusive || entry.what != What::Value,
        // A folder may hold keys behind the bound, if that lies in it.
        std::cmp::Ordering::Less => entry.what != What::Value && own.zip(bound).all(|(a, b)| a == b),
    }
}

/// The folder that all keys with a prefix lie in, and how much of the prefix it covers.
fn record_place(base: &str, prefix: &str) -> Option<(String, usize)> {
    let (mut path, mut rest) = (base.to_owned(), prefix);
    loop {
        let (chunk, kind, after) = name::cut(rest);
        if kind == Kind::Value {
            return Some((path, prefix.len() - rest.len()));
        }
        if !path.is_empty() {
            path.push('/');
        }
        name::encode(chunk, kind, &mut path);
        rest = after;
    }
}

/// The same for plain paths. `None` for a prefix that no key of them has.
fn raw_place(prefix: &str) -> Option<(String, usize)> {
    let (path, key_len) = match prefix.rsplit_once('/') {
        None => return Some((String::new(), 0)),
        Some((path, _)) => (path, path.len() + 1),
    };
    let plain = crate::file::path::is_plain(path);
    plain.then(|| (path.to_owned(), key_len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_wanted(key: &str, text: &str, what: What, prefix: &str, bound: &str, inclusive: bool) -> bool {
        let entry = Entry { text: text.as_bytes().into(), what };
        wanted(key.as_bytes(), &entry, prefix, bound.as_bytes(), inclusive, "")
    }

    #[test]
    fn what_lies_before_the_bound_or_beside_the_prefix_is_not_wanted() {
        use What::{Folder, Value};
        for (key, text, what, prefix, bound, inclusive, expected) in [
            ("", "a", Value, "", "", true, true),
            ("", "a", Value, "", "a", true, true),
            ("", "a", Value, "", "a", false, false),
            ("", "a", Value, "", "a/b", false, false),
            ("", "a/", Folder, "", "a/b", false, true),
            ("", "a/", Folder, "", "a0", false, false),
            ("", "a/", Folder, "", "a/", false, true),
            ("a/", "b", Value, "a/", "", true, true),
            ("a/", "b", Value, "a/c", "", true, false),
            ("a/", "cc", Value, "a/c", "", true, true),
            ("a/", "b/", Folder, "a/b", "a/b/zz", false, true),
        ] {
            assert_eq!(
                is_wanted(key, text, what, prefix, bound, inclusive),
                expected,
                "{key}{text} {prefix} {bound}"
            );
        }
    }

    #[test]
    fn a_prefix_leads_to_its_folder() {
        assert_eq!(record_place("", "a/b"), Some(("a".into(), 2)));
        assert_eq!(record_place("", "a/b/"), Some(("a/b".into(), 4)));
        assert_eq!(record_place("s", "../x"), Some(("s/%2E%2E".into(), 3)));
        assert_eq!(record_place("", ""), Some((String::new(), 0)));
        assert_eq!(raw_place("a/b"), Some(("a".into(), 2)));
        assert_eq!(raw_place("../b"), None);
        assert_eq!(raw_place(".larder/b"), None);
        assert_eq!(raw_place("/b"), None);
    }
}
