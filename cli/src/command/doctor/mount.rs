//! Which file system a folder lies on, by the kernel's table of mounts.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The kind of the file system: `ext4`, `nfs4`. `None` where the kernel does not tell.
pub(super) fn kind(folder: &Path) -> Option<String> {
    let table = std::fs::read("/proc/self/mountinfo").ok()?;
    kind_in(&table, folder)
}

/// The innermost mount above the folder; of several at one place the last one hides the others.
fn kind_in(table: &[u8], folder: &Path) -> Option<String> {
    let mut best: Option<(usize, String)> = None;
    for line in table.split(|b| *b == b'\n') {
        let mut fields = line.split(|b| *b == b' ');
        let Some(place) = fields.nth(4).map(unescaped) else { continue };
        let kind = fields.skip_while(|field| *field != b"-").nth(1);
        let place = Path::new(OsStr::from_bytes(&place));
        let depth = place.components().count();
        if let Some(kind) = kind
            && folder.starts_with(place)
            && best.as_ref().is_none_or(|(deepest, _)| *deepest <= depth)
        {
            best = Some((depth, String::from_utf8_lossy(kind).into_owned()));
        }
    }
    best.map(|(_, kind)| kind)
}

/// Blanks and the like stand in octal: `\040`.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut at = 0;
    while at < field.len() {
        let octal =
            field.get(at + 1..at + 4).and_then(|d| u8::from_str_radix(str::from_utf8(d).ok()?, 8).ok());
        match octal.filter(|_| field[at] == b'\\') {
            Some(byte) => {
                bytes.push(byte);
                at += 4;
            }
            None => {
                bytes.push(field[at]);
                at += 1;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_counts() {
        let table = b"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
            30 22 0:40 / /mnt rw - tmpfs tmpfs rw\n\
            31 22 0:41 / /mnt/a\\040b rw shared:2 master:3 - nfs4 host:/x rw\n\
            32 22 0:42 / /mnt rw - xfs /dev/sdb rw\n";
        for (folder, expected) in [
            ("/srv/data", "ext4"),
            ("/mnt", "xfs"),
            ("/mnt/a b/c", "nfs4"),
            ("/mnt/a", "xfs"),
            ("/mntx", "ext4"),
        ] {
            assert_eq!(kind_in(table, Path::new(folder)).as_deref(), Some(expected), "{folder}");
        }
    }
}
