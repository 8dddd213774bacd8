//! Locks that belong to an open file, so that the kernel drops them when its holder dies, whatever its pid.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

fn fcntl(file: &File, command: libc::c_int, byte: u64) -> io::Result<libc::flock> {
    // SAFETY: all-zero bytes are a `flock`, which has only integers.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as _;
    lock.l_whence = libc::SEEK_SET as _;
    lock.l_start = byte as _;
    lock.l_len = 1;
    // SAFETY: the descriptor is open while `file` lives, and the kernel only writes within `lock`.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, &mut lock) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(lock),
    }
}

/// Locks a byte of a file for this open file alone, until it is closed. `false` if another one holds it.
pub(crate) fn try_lock(file: &File, byte: u64) -> io::Result<bool> {
    match fcntl(file, libc::F_OFD_SETLK, byte) {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Whether another open file holds a byte.
pub(crate) fn is_locked(file: &File, byte: u64) -> io::Result<bool> {
    Ok(fcntl(file, libc::F_OFD_GETLK, byte)?.l_type != libc::F_UNLCK as libc::c_short)
}
