//! What a folder holds, as a listing sorts it.

use larder_store_core::Key;
use larder_store_core::system::Space;
use rustix::fs::FileType;

use crate::file::config::Layout;
use crate::file::name::{self, Kind};
use crate::file::path::PRIVATE;

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// What it adds to the key; with its `/` for a folder. For what is foreign, its name.
    pub(super) text: Box<[u8]>,
    pub(super) what: What,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// A value.
    Value,
    /// A folder, closed by a `/` in the key.
    Folder,
    /// A folder in the middle of a segment.
    Continued,
    /// Nothing of ours.
    Foreign,
}

impl What {
    pub(super) fn to_byte(self) -> u8 {
        self as u8
    }

    pub(super) fn of_byte(byte: u8) -> Option<What> {
        [What::Value, What::Folder, What::Continued, What::Foreign].into_iter().find(|w| w.to_byte() == byte)
    }
}

impl Entry {
    /// Reads a name. `None` for what no listing shows: the private folder.
    pub(super) fn of(name: &[u8], file_type: FileType, layout: Layout, at_root: bool) -> Option<Entry> {
        if at_root && name == PRIVATE.as_bytes() {
            return None;
        }
        let foreign = || Entry { text: name.into(), what: What::Foreign };
        let is_file = file_type == FileType::RegularFile;
        let is_folder = file_type == FileType::Directory;
        Some(match layout {
            Layout::Raw => match str::from_utf8(name) {
                Ok(text) if is_file => Entry { text: text.as_bytes().into(), what: What::Value },
                Ok(text) if is_folder && !text.chars().any(char::is_control) => {
                    Entry { text: with_slash(text), what: What::Folder }
                }
                _ => foreign(),
            },
            Layout::Record => match name::decode(name) {
                Some((chunk, Kind::Value)) if is_file => {
                    Entry { text: chunk.as_bytes().into(), what: What::Value }
                }
                Some((chunk, Kind::Folder)) if is_folder => {
                    Entry { text: with_slash(&chunk), what: What::Folder }
                }
                Some((chunk, Kind::Continued)) if is_folder => {
                    Entry { text: chunk.as_bytes().into(), what: What::Continued }
                }
                _ => foreign(),
            },
        })
    }

    /// Its name in the folder.
    pub(super) fn name(&self, layout: Layout) -> String {
        let text = String::from_utf8_lossy(&self.text);
        let (chunk, kind) = match self.what {
            What::Foreign => return text.into_owned(),
            What::Value => (&*text, Kind::Value),
            What::Folder => (text.strip_suffix('/').unwrap_or(&text), Kind::Folder),
            What::Continued => (&*text, Kind::Continued),
        };
        match layout {
            Layout::Raw => chunk.to_owned(),
            Layout::Record => {
                let mut name = String::with_capacity(chunk.len() + 16);
                name::encode(chunk, kind, &mut name);
                name
            }
        }
    }

    /// Roughly what it takes in memory.
    pub(super) fn weight(&self) -> usize {
        size_of::<Entry>() + self.text.len() + 16
    }
}

fn with_slash(text: &str) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(text.len() + 1);
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(b'/');
    bytes.into_boxed_slice()
}

/// The key of a space with this text, if it is one.
pub(super) fn key(space: Space, text: &[u8]) -> Option<Key> {
    larder_store_core::system::key_in(space, str::from_utf8(text).ok()?).ok()
}
