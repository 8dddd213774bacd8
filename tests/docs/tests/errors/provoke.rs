//! Mounts and folders that go wrong, and errors that are the same in every run.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use larder::{Error, Result};

/// A mount that goes away with this.
pub(crate) struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn run(command: &mut Command) -> bool {
    command.output().is_ok_and(|out| out.status.success())
}

/// Whether this process may mount.
pub(crate) fn can_mount(at: &Path) -> bool {
    let probe = at.join("probe");
    std::fs::create_dir_all(&probe).unwrap();
    small_disk(&probe, "1m").is_some()
}

/// A file system in memory of this size.
pub(crate) fn small_disk(at: &Path, size: &str) -> Option<Mount> {
    std::fs::create_dir_all(at).unwrap();
    let mounted = run(Command::new("mount")
        .args(["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "tmpfs"])
        .arg(at));
    mounted.then(|| Mount(at.to_path_buf()))
}

/// The folder again, read-only.
pub(crate) fn read_only(folder: &Path) -> Option<Mount> {
    if !run(Command::new("mount").arg("--bind").arg(folder).arg(folder)) {
        return None;
    }
    let mount = Mount(folder.to_path_buf());
    run(Command::new("mount").args(["-o", "remount,ro,bind"]).arg(folder)).then_some(mount)
}

/// The folder through a file system that a process serves, as network file systems are seen.
pub(crate) fn network(folder: &Path, at: &Path) -> Option<Mount> {
    let servers = std::env::var_os("LARDER_TEST_SERVERS").map(|dir| PathBuf::from(dir).join("bindfs"));
    let bindfs = servers.filter(|path| path.exists()).unwrap_or_else(|| "bindfs".into());
    std::fs::create_dir_all(folder).unwrap();
    std::fs::create_dir_all(at).unwrap();
    run(Command::new(bindfs).arg(folder).arg(at)).then(|| Mount(at.to_path_buf()))
}

/// A folder with this mode.
pub(crate) fn with_mode(folder: &Path, mode: u32) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A folder of somebody else. `false` if this process may not give it away.
pub(crate) fn of_another(folder: &Path) -> bool {
    with_mode(folder, 0o700);
    chown(folder, Some(65534), Some(65534)).is_ok()
}

/// Flips a bit wherever `mark` stands in the files below `folder`.
pub(crate) fn flip(folder: &Path, mark: &[u8]) -> usize {
    use std::os::unix::fs::FileExt;
    let mut flipped = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            flipped += flip(&path, mark);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for (at, _) in bytes.windows(mark.len()).enumerate().filter(|(_, window)| *window == mark) {
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.write_all_at(&[mark[0] ^ 1], at as u64).unwrap();
            flipped += 1;
        }
    }
    flipped
}

/// An error whose ports are not those of every run.
pub(crate) fn without_ports<T>(answer: Result<T>, ports: &[String]) -> Result<(), Error> {
    let error = match answer {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let plain = |text: &str| ports.iter().fold(text.to_owned(), |text, port| text.replace(port, "PORT"));
    let mut told = Error::new(error.kind(), error.op(), plain(error.why()));
    if let Some(key) = error.key() {
        told = told.on(key);
    }
    if let Some(advice) = error.advice() {
        told = told.hint(plain(advice));
    }
    Err(told)
}
