//! The system calls by hand, as somebody who knows them would write them, each operation in one `spawn_blocking`.

use std::hint::black_box;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use larder::Key;
use rustix::fs::{CWD, Mode, OFlags, fstat, fsync, openat, renameat};
use rustix::io::{Errno, read, write};
use tokio::runtime::Runtime;
use tokio::task::spawn_blocking;

use super::timed;
use crate::error::Result;
use crate::measure::Side;
use crate::workload::Workload;

pub(super) const NAME: &str = "system calls";

/// A folder of files, each a value.
#[derive(Debug, Clone)]
pub(super) struct Files(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    fd: OwnedFd,
    temporary: AtomicU64,
}

impl Files {
    pub(super) fn new(path: &Path) -> Result<Files> {
        std::fs::create_dir(path)?;
        let fd = openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Files(Arc::new(Folder { path: path.to_owned(), fd, temporary: AtomicU64::new(0) })))
    }

    pub(super) fn put_side<'s>(&self, runtime: &'s Runtime, workload: &'s Workload) -> Side<'s> {
        let files = self.clone();
        Box::new(move |order| {
            let (files, puts) = (files.clone(), workload.puts(order));
            timed(runtime, async move {
                for (key, value) in puts {
                    let folder = files.0.clone();
                    spawn_blocking(move || folder.put(&key, &value)).await??;
                }
                Ok(())
            })
        })
    }

    pub(super) fn get_side<'s>(&self, runtime: &'s Runtime, workload: &'s Workload) -> Side<'s> {
        let files = self.clone();
        Box::new(move |order| {
            let (files, keys) = (files.clone(), workload.picked(order));
            timed(runtime, async move {
                for key in keys {
                    let folder = files.0.clone();
                    black_box(&spawn_blocking(move || folder.get(&key)).await??);
                }
                Ok(())
            })
        })
    }

    pub(super) fn verify(&self, workload: &Workload) -> Result<()> {
        for i in 0..workload.len() {
            if self.0.get(workload.key(i))? != workload.value(i) {
                return Err(format!("the file of {} holds another value", workload.key(i)).into());
            }
        }
        // Nothing temporary is left.
        let found = std::fs::read_dir(&self.0.path)?.count();
        if found != workload.len() {
            return Err(format!("{found} files instead of {}", workload.len()).into());
        }
        Ok(())
    }
}

impl Folder {
    /// Create a temporary file, write, fsync, rename, fsync the folder.
    fn put(&self, key: &Key, value: &Bytes) -> rustix::io::Result<()> {
        let temporary = format!("{}.tmp", self.temporary.fetch_add(1, Ordering::Relaxed));
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = openat(&self.fd, &temporary, flags, Mode::RUSR | Mode::WUSR)?;
        let mut rest = &value[..];
        while !rest.is_empty() {
            rest = &rest[write(&file, rest)?..];
        }
        fsync(&file)?;
        renameat(&self.fd, &temporary, &self.fd, key.as_str())?;
        fsync(&self.fd)
    }

    /// Open, fstat, read to the end, close.
    fn get(&self, key: &Key) -> rustix::io::Result<Vec<u8>> {
        let file = openat(&self.fd, key.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let size = usize::try_from(fstat(&file)?.st_size).map_err(|_| Errno::FBIG)?;
        let mut value = Vec::with_capacity(size);
        while value.len() < size {
            if read(&file, rustix::buffer::spare_capacity(&mut value))? == 0 {
                break;
            }
        }
        Ok(value)
    }
}
