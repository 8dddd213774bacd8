//! Real files: those of the crates that were fetched, of the Rust toolchain, and of the system.

use std::path::{Path, PathBuf};

use crate::error::{Result, at};

/// Copies files into `to`, until they are `bytes` together. Gives how many bytes there are.
pub(super) fn gather(to: &Path, bytes: u64) -> Result<u64> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let sysroot = std::process::Command::new("rustc").args(["--print", "sysroot"]).output()?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    let mut copied = 0;
    let registry = home.map(|home| home.join("registry/src"));
    let system = ["/usr/share", "/usr/lib"].map(PathBuf::from);
    for (number, from) in registry.into_iter().chain([sysroot]).chain(system).enumerate() {
        walk(&from, &to.join(number.to_string()), bytes, &mut copied)?;
    }
    match copied >= bytes {
        true => Ok(copied),
        false => Err(format!("only {copied} bytes of real files were found, of {bytes} wanted").into()),
    }
}

fn walk(from: &Path, to: &Path, bytes: u64, copied: &mut u64) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(from) else { return Ok(()) };
    let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    names.sort();
    std::fs::create_dir_all(to).map_err(|e| at(to, e))?;
    for name in names {
        let (from, to) = (from.join(&name), to.join(&name));
        let Ok(meta) = from.symlink_metadata() else { continue };
        if *copied >= bytes || name.to_str().is_none_or(|name| name.chars().any(char::is_control)) {
            continue;
        }
        if meta.is_dir() {
            walk(&from, &to, bytes, copied)?;
        } else if meta.is_file() {
            std::fs::copy(&from, &to).map_err(|e| at(&from, e))?;
            *copied += meta.len();
        }
    }
    Ok(())
}
