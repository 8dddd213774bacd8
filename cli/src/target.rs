//! Where a value is written to: a file that is there whole or not at all, or the standard output.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use larder::Env;

use crate::error::{Failure, Result};

/// A file on its way.
#[derive(Debug)]
pub(crate) struct Target {
    file: File,
    path: PathBuf,
    /// Where it is written first; `None` for what cannot be replaced, as a pipe or a device.
    temp: Option<PathBuf>,
}

impl Target {
    /// Begins a file beside the one that it will replace.
    pub(crate) fn create(path: &Path, env: &Env) -> Result<Target> {
        let fails = |e| Failure::io(path.display(), e);
        // A link stays one: what it leads to is replaced.
        let path = match std::fs::canonicalize(path) {
            Ok(real) => real,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => path.to_owned(),
            Err(e) => return Err(fails(e)),
        };
        let before = match std::fs::metadata(&path) {
            Ok(before) if before.is_dir() => {
                return Err(Failure::usage(format!("{} is a folder", path.display())));
            }
            Ok(before) if !before.is_file() => {
                let file = OpenOptions::new().write(true).open(&path).map_err(fails)?;
                return Ok(Target { file, path, temp: None });
            }
            Ok(before) => Some(before),
            Err(_) => None,
        };
        let Some(name) = path.file_name() else {
            return Err(Failure::usage(format!("{} names no file", path.display())));
        };
        let mut hidden = std::ffi::OsString::from(".");
        // Short, so that a long name does not become too long.
        hidden.push(name.to_string_lossy().chars().take(40).collect::<String>());
        hidden.push(format!(".{:016x}.part", env.random_u64()));
        let temp = path.with_file_name(hidden);
        let file = OpenOptions::new().write(true).create_new(true).open(&temp).map_err(fails)?;
        let target = Target { file, path, temp: Some(temp) };
        if let Some(before) = before {
            target
                .file
                .set_permissions(before.permissions())
                .map_err(|e| Failure::io(target.path.display(), e))?;
        }
        Ok(target)
    }

    /// Writes a piece.
    pub(crate) fn write(&mut self, piece: &[u8]) -> Result {
        self.file.write_all(piece).map_err(|e| Failure::io(self.path.display(), e))
    }

    /// Puts the file in its place.
    pub(crate) fn finish(mut self) -> Result {
        let fails = |e| Failure::io(self.path.display(), e);
        if let Some(temp) = self.temp.clone() {
            self.file.sync_all().map_err(fails)?;
            std::fs::rename(&temp, &self.path).map_err(fails)?;
            self.temp = None;
        }
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(temp) = &self.temp {
            let _ = std::fs::remove_file(temp);
        }
    }
}
