//! Whether a folder holds a value, for listings that do not enter it.

use larder_store_core::{Listed, Result};
use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;

use super::entry::{Entry, What, key};
use super::walk::{Cx, join, look};
use crate::file::error::failed;
use crate::folder::OPEN_FOLDER;

/// Whether the folder at `path`, whose keys begin with `text`, holds a value that has not expired, in whatever order
/// it comes to them. A damaged one counts: it is something that a listing inside tells of.
pub(super) fn holds_value(cx: &Cx, path: &str, text: &[u8]) -> Result<bool> {
    cx.check()?;
    let fails = |e| failed(cx.op, e, format_args!("reading the folder {path:?}"));
    let folder = match cx.root.open(path, OPEN_FOLDER) {
        Ok(folder) => folder,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(false),
        Err(e) => return Err(fails(e)),
    };
    let mut listing = Dir::read_from(&folder).map_err(fails)?;
    while let Some(entry) = listing.read() {
        let entry = entry.map_err(fails)?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let file_type = match entry.file_type() {
            FileType::Unknown => match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(_) => continue,
            },
            known => known,
        };
        let Some(entry) = Entry::of(name.to_bytes(), file_type, cx.layout, path.is_empty()) else { continue };
        let name = entry.name(cx.layout);
        let (path, text) = (join(path, &name), [text, &entry.text].concat());
        let holds = match entry.what {
            What::Foreign => false,
            What::Folder | What::Continued => holds_value(cx, &path, &text)?,
            What::Value => match key(cx.space, &text) {
                None => false,
                Some(key) => {
                    matches!(
                        look(cx, &folder, &name, &key, path)?,
                        Some(Listed::Entry(_) | Listed::Foreign { .. })
                    )
                }
            },
        };
        if holds {
            return Ok(true);
        }
    }
    Ok(false)
}
