//! What every object of a collection but its columns begins and ends with: which kind it is, and a check that covers its name, so
//! that no object is taken for another.

use bytes::Bytes;
use larder_store_core::record::crc64;
use larder_store_core::{Error, ErrorKind, Op, Result};

use crate::bytes::damaged;

/// Kinds of objects. The numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Manifest = 1,
    Wal = 2,
    Codebook = 3,
    Dead = 4,
}

const MAGIC: &[u8; 4] = b"LVEC";
/// The format version that this code writes, and the newest that it reads.
const FORMAT: u8 = 1;
const HEAD: usize = 8;
const CHECK: usize = 8;

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Manifest => "the manifest",
            Kind::Wal => "a part of the log",
            Kind::Codebook => "a codebook",
            Kind::Dead => "a bitmap of deleted rows",
        }
    }
}

/// An object of `kind` that stands under `name` in its collection.
pub(crate) fn seal(kind: Kind, name: &str, body: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(HEAD + body.len() + CHECK);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[FORMAT, kind as u8, 0, 0]);
    out.extend_from_slice(body);
    let check = check(name, &out);
    out.extend_from_slice(&check.to_le_bytes());
    out.into()
}

/// The body of such an object.
///
/// # Errors
/// [`ErrorKind::Corrupt`] for anything but what was sealed so; [`ErrorKind::Unsupported`] for a newer format.
pub(crate) fn open(kind: Kind, name: &str, object: &Bytes) -> Result<Bytes> {
    let what = kind.name();
    let Some((head, check_bytes)) =
        object.len().checked_sub(CHECK).filter(|len| *len >= HEAD).map(|len| object.split_at(len))
    else {
        return Err(damaged(what, "it is too short"));
    };
    if !head.starts_with(MAGIC) {
        return Err(damaged(what, "it does not begin as one"));
    }
    if check(name, head).to_le_bytes() != check_bytes {
        return Err(damaged(what, "its check does not fit"));
    }
    if head[4] > FORMAT {
        let why = format!("{what} is of format {}, and this version reads {FORMAT}", head[4]);
        return Err(Error::new(ErrorKind::Unsupported, Op::Get, why).hint("use a newer version of Larder"));
    }
    if head[5] != kind as u8 {
        return Err(damaged(what, "it is an object of another kind"));
    }
    Ok(object.slice(HEAD..head.len()))
}

fn check(name: &str, bytes: &[u8]) -> u64 {
    crc64(bytes) ^ crc64(name.as_bytes()).rotate_left(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_what_was_sealed_is_opened() {
        let object = seal(Kind::Wal, "wal/1", b"body");
        assert_eq!(open(Kind::Wal, "wal/1", &object).unwrap(), &b"body"[..]);
        assert!(open(Kind::Wal, "wal/2", &object).is_err());
        assert!(open(Kind::Dead, "wal/1", &object).is_err());
        for at in 0..object.len() {
            assert!(open(Kind::Wal, "wal/1", &object.slice(..at)).is_err(), "{at} bytes");
            for bit in 0..8 {
                let mut bad = object.to_vec();
                bad[at] ^= 1 << bit;
                assert!(open(Kind::Wal, "wal/1", &bad.into()).is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}
