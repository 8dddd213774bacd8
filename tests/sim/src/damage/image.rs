//! A store as it lies on the disk, kept to be laid out again.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::hostile::tree;

/// The files of a store that is closed.
#[derive(Debug)]
pub(super) struct Image {
    root: PathBuf,
    folders: Vec<PathBuf>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// Files in which processes meet, and nothing is stored.
fn is_lock(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.contains("lock"))
}

impl Image {
    /// Takes it.
    pub(super) fn take(root: &Path) -> Outcome<Image> {
        let mut image = Image { root: root.to_owned(), folders: Vec::new(), files: BTreeMap::new() };
        for (path, thing) in tree::look(root, None)? {
            match thing.kind {
                "folder" => image.folders.push(path),
                "file" if !is_lock(&path) => {
                    let bytes = std::fs::read(&path)?;
                    image.files.insert(path, bytes);
                }
                _ => {}
            }
        }
        Ok(image)
    }

    /// The files and what is in them.
    pub(super) fn files(&self) -> &BTreeMap<PathBuf, Vec<u8>> {
        &self.files
    }

    /// Puts everything back as it was. Files of locks stay as they are.
    pub(super) fn lay_out(&self) -> Outcome {
        for path in tree::look(&self.root, None)?.into_iter().rev().map(|(path, _)| path) {
            if path.is_dir() {
                if !self.folders.contains(&path) {
                    std::fs::remove_dir(&path)?;
                }
            } else if !self.files.contains_key(&path) && !is_lock(&path) {
                std::fs::remove_file(&path)?;
            }
        }
        for folder in &self.folders {
            if !folder.is_dir() {
                std::fs::create_dir(folder)?;
                std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
            }
        }
        for (path, bytes) in &self.files {
            // Times are too coarse to tell whether a file was changed a moment ago.
            if std::fs::read(path).ok().as_ref() != Some(bytes) {
                std::fs::write(path, bytes)?;
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
            }
        }
        Ok(())
    }

    /// Which files differ now: for messages.
    pub(super) fn name(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(root.join("a/b/one"), "1").unwrap();
        std::fs::write(root.join("two"), "22").unwrap();
        std::fs::write(root.join("lock.mdb"), "old").unwrap();
        let image = Image::take(root).unwrap();
        assert_eq!(image.files().len(), 2);
        std::fs::remove_dir_all(root.join("a")).unwrap();
        std::fs::write(root.join("two"), "2").unwrap();
        std::fs::create_dir(root.join("new")).unwrap();
        std::fs::write(root.join("new/three"), "3").unwrap();
        std::fs::write(root.join("lock.mdb"), "new").unwrap();
        image.lay_out().unwrap();
        assert_eq!(std::fs::read(root.join("a/b/one")).unwrap(), b"1");
        assert_eq!(std::fs::read(root.join("two")).unwrap(), b"22");
        assert_eq!(std::fs::read(root.join("lock.mdb")).unwrap(), b"new");
        assert!(!root.join("new").exists());
    }
}
