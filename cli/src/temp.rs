//! A folder for a store that is only asked what it promises.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::cx::Cx;
use crate::error::{Failure, Result};

/// A folder that is gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn create(cx: &Cx) -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("larder-{:016x}", cx.env.random_u64()));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map(|()| Folder(path.clone())).map_err(|e| Failure::io(path.display(), e))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
