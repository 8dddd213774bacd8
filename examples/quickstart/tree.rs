//! A real folder, as keys and files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use larder::Key;

use crate::Outcome;

/// Left out: what is made anew by every build, and the history.
const SKIPPED: [&str; 2] = ["target", ".git"];

/// Files by the key that each gets: its path, with `/` between the parts.
pub(crate) struct Tree {
    files: BTreeMap<Key, (PathBuf, u64)>,
}

impl Tree {
    /// Finds the files below `root`. Links are not followed; a name that is no key is said and left out.
    pub(crate) fn gather(root: &Path) -> Outcome<Tree> {
        let mut files = BTreeMap::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            for entry in entries {
                let (entry, path) = entry.map(|e| (e.file_type(), e.path()))?;
                let kind = entry?;
                if kind.is_dir() && !SKIPPED.iter().any(|s| path.file_name().is_some_and(|n| n == *s)) {
                    folders.push(path);
                } else if kind.is_file() {
                    let name = path.strip_prefix(root)?;
                    match name.to_str().ok_or(()).and_then(|text| Key::new(text).map_err(drop)) {
                        Ok(key) => {
                            let size = std::fs::metadata(&path)?.len();
                            files.insert(key, (path, size));
                        }
                        Err(()) => println!("{} is left out: its name is no key", path.display()),
                    }
                }
            }
        }
        if files.is_empty() {
            return Err(format!("{} holds no files", root.display()).into());
        }
        Ok(Tree { files })
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().map(|(_, size)| size).sum()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.files.keys()
    }

    /// The keys with their sizes.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = (&Key, u64)> {
        self.files.iter().map(|(key, (_, size))| (key, *size))
    }

    pub(crate) fn path(&self, key: &Key) -> &Path {
        &self.files[key].0
    }

    /// What the file holds now.
    pub(crate) fn read(&self, key: &Key) -> Outcome<Bytes> {
        Ok(std::fs::read(self.path(key))?.into())
    }
}
