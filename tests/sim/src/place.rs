//! Folders that campaigns work in.

use std::path::{Path, PathBuf};

use crate::Outcome;

/// A folder of a campaign's own, removed when this goes.
#[derive(Debug)]
pub struct Place(tempfile::TempDir);

impl Place {
    /// A new one in `parent`, or where temporary files live.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(parent: Option<&Path>) -> Outcome<Place> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("larder-sim-");
        let folder = match parent {
            Some(parent) => builder.tempdir_in(parent),
            None => builder.tempdir(),
        };
        Ok(Place(folder.map_err(|e| format!("no folder can be made: {e}"))?))
    }

    /// A new one in memory where there is such a place, for what needs speed and no disk.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn in_memory() -> Outcome<Place> {
        let shm = PathBuf::from("/dev/shm");
        Place::new(Some(&shm)).or_else(|_| Place::new(None))
    }

    /// Where it is, without links.
    pub fn path(&self) -> PathBuf {
        self.0.path().canonicalize().unwrap_or_else(|_| self.0.path().to_owned())
    }
}
