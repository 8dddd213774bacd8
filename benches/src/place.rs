//! The folder that the stores are made in.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{Result, at};

/// A folder of our own, removed at the end.
#[derive(Debug)]
pub(crate) struct Place {
    dir: TempDir,
    kind: &'static str,
}

impl Place {
    /// Below `dir`, or below the folder for temporary files.
    pub(crate) fn new(dir: Option<&Path>) -> Result<Place> {
        let parent = dir.map_or_else(std::env::temp_dir, PathBuf::from);
        let dir = tempfile::Builder::new().prefix("larder-bench-").tempdir_in(&parent);
        let dir = dir.map_err(|e| at(&parent, e))?;
        let kind =
            rustix::fs::statfs(dir.path()).map(|fs| kind(fs.f_type as u64)).map_err(|e| at(&parent, e))?;
        Ok(Place { dir, kind })
    }

    /// A path in it that nobody else has.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Which file system it is on, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Refuses to measure durable writes where they cost nothing.
    pub(crate) fn on_disk(&self) -> Result<()> {
        if matches!(self.kind, "tmpfs" | "ramfs") {
            let why = "a sync costs nothing there, so durable writes cannot be measured; name a folder on a disk with --dir";
            return Err(format!("{} is on {}: {why}", self.dir.path().display(), self.kind).into());
        }
        Ok(())
    }
}

/// The name of a file system by the magic number that statfs(2) lists.
fn kind(magic: u64) -> &'static str {
    match magic & 0xffff_ffff {
        0x0102_1994 => "tmpfs",
        0x8584_58f6 => "ramfs",
        0xef53 => "ext4",
        0x5846_5342 => "xfs",
        0x9123_683e => "btrfs",
        0x2fc1_2fc1 => "zfs",
        0xf2f5_2010 => "f2fs",
        0x794c_7630 => "overlayfs",
        _ => "another file system",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_in_memory_is_refused() {
        let place = |kind| Place { dir: tempfile::tempdir().unwrap(), kind };
        let refused = place("tmpfs").on_disk().unwrap_err().to_string();
        assert!(refused.contains("--dir"), "{refused}");
        place("ext4").on_disk().unwrap();
    }

    #[test]
    fn shared_memory_is_known_as_tmpfs() {
        let shm = Path::new("/dev/shm");
        if shm.is_dir() {
            assert_eq!(Place::new(Some(shm)).unwrap().kind(), "tmpfs");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Place::new(Some(Path::new("/nowhere/at/all"))).unwrap_err().to_string();
        assert!(error.contains("/nowhere/at/all"), "{error}");
    }
}
