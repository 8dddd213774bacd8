//! How a value is kept where Larder owns the bytes: in files, LMDB, Redis and DynamoDB.
//!
//! ```text
//! record = head ‖ body        body = blocks ‖ index
//! ```
//!
//! The head says everything about the value, its key included; the blocks are the value's bytes, one behind the other
//! in blocks of 64 KiB; the index has a check for each block. The body stands behind the head, or in parts of a fixed
//! length elsewhere ([`Parts`]). `docs/format.md` has the bytes.
//!
//! Every check covers the key: that of the head covers the whole head; that of a block covers the block, its number
//! and, through the [`Binding`], format, codecs, key and write. So a range is verified by the blocks that cover it, and
//! a block of another value, of another write or from another place is damage.

mod body;
mod head;

pub use body::{Binding, Cover, Sealer, blocks, body_len};
pub use head::{Head, MAX_HEAD, PREFIX, Parts};

/// Bytes of a block of a value; the last one may be shorter.
pub const BLOCK: usize = 64 * 1024;

/// The format version that this code writes, and the newest that it reads.
pub const FORMAT: u8 = 1;

/// Bytes of a check: CRC-64/NVME (NVM Express NVM Command Set 1.0, section 5.2.1.3.4), little-endian.
pub const CHECK: usize = 8;

/// CRC-64/NVME of some bytes, as checks of records are made.
pub fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes)
}

const _: () = assert!(usize::BITS >= 64, "values are measured in u64 and held in memory");
