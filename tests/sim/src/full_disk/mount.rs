//! Small disks that go with the process that mounted them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::process::Program;

/// What is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// Memory, of 8 MiB.
    Tmpfs,
    /// ext4 in a file, of 16 MiB.
    Ext4,
}

impl Disk {
    /// Both.
    pub const ALL: [Disk; 2] = [Disk::Tmpfs, Disk::Ext4];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Disk::Tmpfs => "tmpfs",
            Disk::Ext4 => "ext4",
        }
    }

    /// The one of that name.
    ///
    /// # Errors
    /// There is none.
    pub fn parse(text: &str) -> Outcome<Disk> {
        let found = Disk::ALL.into_iter().find(|disk| disk.name() == text);
        found.ok_or_else(|| format!("the disk {text:?} is none of tmpfs, ext4").into())
    }

    /// Mounts it at `folder`, which is made. `beside` is a folder for its file.
    pub(super) fn mount(self, folder: &Path, beside: &Path) -> Outcome {
        std::fs::create_dir_all(folder)?;
        match self {
            Disk::Tmpfs => run(Command::new("mount")
                .args(["-t", "tmpfs", "-o", "size=8m,mode=700", "larder"])
                .arg(folder)),
            Disk::Ext4 => {
                let file = beside.join("disk.ext4");
                std::fs::File::create(&file)?.set_len(16 << 20)?;
                run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&file))?;
                run(Command::new("mount").args(["-o", "loop"]).arg(&file).arg(folder))?;
                std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
                std::fs::remove_dir(folder.join("lost+found"))?;
                // The mount keeps it.
                Ok(std::fs::remove_file(&file)?)
            }
        }
    }
}

/// Has ext4 give up, as after an error of the disk: from then on nothing can be written, whatever is open or mapped.
pub(super) fn give_up(folder: &Path) -> Outcome {
    run(Command::new("mount").args(["-o", "remount,abort"]).arg(folder))
}

fn run(command: &mut Command) -> Outcome {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|e| format!("{:?} cannot be run: {e}", command.get_program()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{:?}: {}", command, String::from_utf8_lossy(&output.stderr).trim()).into()),
    }
}

/// A folder that is read-only for everybody who comes by its path, as long as this lives. What is open stays writable,
/// as the kernel has it.
pub(super) struct ReadOnly(PathBuf);

impl ReadOnly {
    /// It begins.
    pub(super) fn begin(folder: &Path) -> Outcome<ReadOnly> {
        run(Command::new("mount").arg("--bind").args([folder, folder]))?;
        let over = ReadOnly(folder.to_owned());
        run(Command::new("mount").args(["-o", "remount,bind,ro"]).arg(folder))?;
        Ok(over)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        // Lazily: a file may be open that was opened by it, to be read.
        let _ = run(Command::new("umount").arg("--lazy").arg(&self.0));
    }
}

/// A command that plays `role` with mounts of its own, as the superuser of them.
pub(super) fn alone<S: AsRef<OsStr>>(
    program: &Program,
    role: &str,
    args: impl IntoIterator<Item = S>,
) -> Command {
    let inner = program.role(role, args);
    let mut command = Command::new("unshare");
    match rustix::process::geteuid().is_root() {
        true => command.arg("--mount"),
        false => command.args(["--user", "--map-root-user", "--mount"]),
    };
    command.args(["--propagation", "private", "--"]).arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Whether such a disk can be mounted here.
///
/// # Errors
/// Why not.
pub fn available(program: &Program, disk: Disk) -> Outcome {
    let place = crate::place::Place::new(None)?;
    let folder = place.path();
    let folder = folder.to_str().ok_or("the folder's name is not UTF-8")?;
    let args = ["--folder", folder, "--disk", disk.name(), "--only-mount"];
    match crate::process::told(&mut alone(program, super::command::ROLE, args))? {
        (_, None) => Ok(()),
        (_, Some(complaint)) => Err(format!("{} cannot be mounted: {complaint}", disk.name()).into()),
    }
}
