//! Large values, mapped into memory.
#![allow(unsafe_code)]

use std::os::fd::OwnedFd;

use bytes::Bytes;
use memmap2::MmapOptions;

/// From how many bytes of a file on a value is mapped.
pub(super) const MAP_FROM: u64 = 1 << 20;

/// Maps the first `len` bytes of an open file for reading. The file has at least so many.
pub(super) fn map(file: &OwnedFd, len: usize) -> std::io::Result<Bytes> {
    // SAFETY: the bytes of a mapping must not change while they are seen. The file is one of ours: written under
    // another name, renamed into place when it was whole, and from then on only ever replaced or unlinked, which leaves
    // the mapped inode as it is. Its folder belongs to this user alone. Whoever breaks this from outside (cutting the
    // file short in place) can raise SIGBUS: `map=off` is for those who cannot rule that out.
    let mapped = unsafe { MmapOptions::new().len(len).map(file) }?;
    Ok(Bytes::from_owner(mapped))
}
