//! Values that are files of others: what the file system knows of them.

use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder_store_core::{Attributes, Key, Meta, Op, Result, Version};
use rustix::fs::fstat;

use super::error::failed;

/// What tells one state of a file from another: inode, size, and the times of its last changes.
///
/// It is not made of the content: a change within one tick of the clock that keeps inode and size goes unseen. So
/// nothing conditional is built on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag {
    inode: u64,
    pub(super) size: u64,
    modified: (i64, u32),
    changed: (i64, u32),
    links: u64,
}

impl Tag {
    /// That of an open file.
    pub(super) fn of(op: Op, file: &OwnedFd) -> Result<Tag> {
        let stat = fstat(file).map_err(|e| failed(op, e, "looking at the file of the value"))?;
        Ok(Tag::of_stat(&stat))
    }

    #[allow(clippy::unnecessary_cast, reason = "the types differ between platforms")]
    fn of_stat(stat: &rustix::fs::Stat) -> Tag {
        Tag {
            inode: stat.st_ino as u64,
            size: stat.st_size.unsigned_abs(),
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as u32),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as u32),
            links: stat.st_nlink as u64,
        }
    }

    /// What a get names. It is no ground for a conditional write, and none is taken.
    pub(super) fn version(&self) -> Version {
        let Tag { inode, size, modified, changed, .. } = self;
        let tag =
            format!("{inode:x}-{size:x}-{:x}.{:x}-{:x}.{:x}", modified.0, modified.1, changed.0, changed.1);
        Version::of_service(tag, None, [])
    }

    /// What is known about the value.
    pub(super) fn meta(&self, key: &Key) -> Meta {
        let mut meta = Meta::new(key.clone());
        meta.size = Some(self.size);
        meta.stored_size = Some(self.size);
        meta.modified = Some(time(self.modified));
        meta.expires = Some(None.into());
        meta.attributes = Some(Attributes::new());
        meta.version = Some(self.version());
        meta
    }

    /// Whether an open file is still as it was.
    pub(super) fn still(&self, op: Op, file: &OwnedFd) -> Result<bool> {
        let now = Tag::of(op, file)?;
        // Losing a name is a change of the inode's, and none of the bytes.
        let renamed = now.links != self.links;
        Ok((now.size, now.modified) == (self.size, self.modified) && (renamed || now.changed == self.changed))
    }
}

fn time((seconds, nanos): (i64, u32)) -> SystemTime {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
    time.and_then(|time| time.checked_add(Duration::from_nanos(nanos.into()))).unwrap_or(UNIX_EPOCH)
}
