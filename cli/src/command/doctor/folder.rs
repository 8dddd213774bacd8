//! The folder of a store on disk.

use std::io::ErrorKind::{NotADirectory, NotFound};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags, accessat, statvfs};

use super::mount;
use super::report::Report;
use super::store::Seen;
use crate::error::Result;
use crate::units;

/// Room is short below a twentieth of the whole, in these bounds: a twentieth of a large disk is no shortage.
const SHORT: [u64; 2] = [64 << 20, 1 << 30];

/// Looks at a folder without changing it.
pub(super) fn examine(report: &mut Report<'_>, path: &Path) -> Result<Seen> {
    let shown = path.display();
    let stat = match std::fs::symlink_metadata(path) {
        Ok(stat) => stat,
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => return missing(report, path),
        Err(error) => {
            report.wrong(
                "place",
                format!("{shown}: {error}"),
                "see that each folder above may be entered",
            )?;
            return Ok(Seen::Fails);
        }
    };
    if stat.is_symlink() {
        let found = format!("{shown} is a symbolic link, which could lead anywhere");
        report.wrong("place", found, "name the folder that it leads to")?;
        return Ok(Seen::Fails);
    }
    if !stat.is_dir() {
        report.wrong("place", format!("{shown} is not a folder"), "name another one")?;
        return Ok(Seen::Fails);
    }
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    report.ok("place", format!("{} is a folder", real.display()))?;
    let owned = owner(report, path, &stat)?;
    disk(report, &real)?;
    Ok(if owned { Seen::Works } else { Seen::Fails })
}

/// Nothing is there: whether something could be.
fn missing(report: &mut Report<'_>, path: &Path) -> Result<Seen> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let above =
        absolute.ancestors().skip(1).find(|above| above.exists()).unwrap_or(Path::new("/")).to_owned();
    let name = above.display();
    if !above.is_dir() {
        report.wrong("place", format!("{name} is not a folder, so none can be below it"), "mend the path")?;
        return Ok(Seen::Fails);
    }
    if may_write(&above) {
        report.ok("place", format!("{} is not there yet; it can be made in {name}", path.display()))?;
        disk(report, &above)?;
        return Ok(Seen::NotThere);
    }
    let found = format!("{} is not there, and cannot be made: {name} may not be written", path.display());
    report.wrong(
        "place",
        found,
        "make it as another user and give it to this one with chown, or mend the path",
    )?;
    Ok(Seen::Fails)
}

fn may_write(folder: &Path) -> bool {
    accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

/// Whose it is, and who may do what in it. The store refuses a folder that is not its user's alone to write.
fn owner(report: &mut Report<'_>, path: &Path, stat: &std::fs::Metadata) -> Result<bool> {
    let (ours, mode) = (rustix::process::geteuid().as_raw(), stat.mode() & 0o7777);
    if stat.uid() != ours {
        let found = format!("it belongs to user {}, and this is user {ours}", stat.uid());
        let advice = "run as its owner, give it to this user with chown, or choose another folder";
        report.wrong("owner and mode", found, advice)?;
        return Ok(false);
    }
    if mode & 0o022 != 0 {
        let found = format!("others can write it (mode {mode:04o})");
        let advice = format!("chmod go-w {}", path.display());
        report.wrong("owner and mode", found, &advice)?;
        return Ok(false);
    }
    if !may_write(path) {
        let found = format!("it may not be written (mode {mode:04o})");
        report.wrong("owner and mode", found, &format!("chmod u+rwx {}", path.display()))?;
        return Ok(false);
    }
    let others = if mode & 0o055 == 0 { "nobody else may look into it" } else { "others may read it" };
    report.ok("owner and mode", format!("ours, mode {mode:04o}: {others}"))?;
    Ok(true)
}

/// The file system below it, and what is free on it.
fn disk(report: &mut Report<'_>, folder: &Path) -> Result {
    let kind = mount::kind(folder).unwrap_or_else(|| "unknown".into());
    let disk = match statvfs(folder) {
        Ok(disk) => disk,
        Err(error) => {
            let found = format!("{kind}; what is free cannot be told: {error}");
            return report.warning("file system", found, "look with df");
        }
    };
    if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
        let found = format!("{kind}, mounted to be read only");
        return report.wrong("file system", found, "mount it to be written, or choose another folder");
    }
    let (free, all) = (disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize);
    let found = format!("{kind}, {} free of {}", units::bytes(free), units::bytes(all));
    // Some count no files, and say zero of zero.
    let no_files = disk.f_files > 0 && disk.f_favail == 0;
    match () {
        () if free == 0 || no_files => {
            let what = if no_files { "no more files can be made" } else { "it is full" };
            report.wrong("file system", format!("{found}: {what}"), "make room: deletes work, puts do not")
        }
        () if free < (all / 20).clamp(SHORT[0], SHORT[1]) => {
            report.warning("file system", format!("{found}: room is short"), "make room before it is full")
        }
        () => report.ok("file system", found),
    }
}
