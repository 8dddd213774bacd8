//! What lies in a folder.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use crate::Outcome;

/// What is known of a thing in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// Whether it is a folder, a file, or something else (a link above all).
    pub kind: &'static str,
    /// Bytes; for files only.
    pub len: u64,
    /// Permission bits.
    pub mode: u32,
    /// When it was changed, in nanoseconds; for files only.
    pub changed: i128,
}

/// Everything under `folder` by its path, but what lies under `but`.
///
/// # Errors
/// It cannot be read.
pub fn look(folder: &Path, but: Option<&Path>) -> Outcome<BTreeMap<PathBuf, Thing>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if Some(path.as_path()) == but {
                continue;
            }
            let meta = path.symlink_metadata()?;
            let file = meta.is_file();
            found.insert(
                path.clone(),
                Thing {
                    kind: match (meta.is_dir(), file) {
                        (true, _) => "folder",
                        (_, true) => "file",
                        _ => "something else",
                    },
                    len: if file { meta.len() } else { 0 },
                    mode: meta.mode() & 0o7777,
                    changed: match file {
                        true => i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec()),
                        false => 0,
                    },
                },
            );
            if meta.is_dir() {
                todo.push(path);
            }
        }
    }
    Ok(found)
}

/// Where a careless store in `root` would put `key`: outside of `root`, or nothing.
pub fn escape(root: &Path, key: &str) -> Option<PathBuf> {
    let mut at = PathBuf::new();
    for part in root.join(key).components() {
        match part {
            Component::ParentDir => drop(at.pop()),
            Component::CurDir => {}
            part => at.push(part),
        }
    }
    (!at.starts_with(root)).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_seen() {
        let root = Path::new("/data/store");
        for key in ["../x", "a/../../x", "/x", "//x", "..", "a/../../store2"] {
            assert!(escape(root, key).is_some(), "{key}");
        }
        for key in ["a", "a/../b", "..a", "a/..b", "%2e%2e/x", "../store/x"] {
            assert!(escape(root, key).is_none(), "{key}");
        }
    }

    #[test]
    fn trees_are_compared() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("in/deep")).unwrap();
        std::fs::write(dir.path().join("beside"), "x").unwrap();
        let before = look(dir.path(), Some(&dir.path().join("in"))).unwrap();
        std::fs::write(dir.path().join("in/deep/y"), "y").unwrap();
        assert_eq!(look(dir.path(), Some(&dir.path().join("in"))).unwrap(), before);
        std::os::unix::fs::symlink("in", dir.path().join("link")).unwrap();
        let after = look(dir.path(), Some(&dir.path().join("in"))).unwrap();
        assert_ne!(after, before);
        assert_eq!(after[&dir.path().join("link")].kind, "something else");
    }
}
