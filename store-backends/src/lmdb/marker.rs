//! The format marker: that Larder made the store, in which format, and for what.

use larder_store_core::{Error, ErrorKind, Op, Result};

use super::config::LmdbRole;
use super::error;
use super::keys;
use super::shared::Shared;
use super::snapshot::Trouble;
use super::writer::Writer;

/// `LRDRLMDB`, the version, the role, and the complement of both.
const LEN: usize = 12;
const MAGIC: [u8; 8] = *b"LRDRLMDB";
const VERSION: u8 = 1;

const OP: Op = Op::Open;

pub(super) fn encode(role: LmdbRole) -> [u8; LEN] {
    let role = match role {
        LmdbRole::Origin => b'O',
        LmdbRole::Cache => b'C',
    };
    let mut bytes = [0; LEN];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..].copy_from_slice(&[VERSION, role, !VERSION, !role]);
    bytes
}

/// Compares the marker with what is wanted; writes it into a store that is empty.
pub(super) fn check(writer: &mut Writer, shared: &Shared, role: LmdbRole, create: bool) -> Result<()> {
    let (found, is_empty) = {
        let lease = shared.readers.lease().map_err(|code| error::code(OP, code, "reading"))?;
        let mut lease = lease.ok_or_else(|| error::code(OP, super::sys::Code::ReadersFull, "reading"))?;
        let mut renewed = shared.renew(&mut lease, true);
        if let Err(Trouble::Unfinished) = renewed {
            writer.recover(OP)?;
            renewed = shared.renew(&mut lease, true);
        }
        renewed.map_err(|t| error::trouble(OP, t))?;
        let snapshot = shared.data.of_lease(&lease).map_err(|t| error::trouble(OP, t))?;
        let found = snapshot
            .view
            .find(&snapshot.meta.main, keys::FORMAT)
            .map_err(|d| error::damage(OP, d))?
            .map(<[u8]>::to_vec);
        (found, snapshot.meta.main.page.is_none())
    };
    match found {
        Some(found) => compare(&found, role),
        None if is_empty && create => writer.write_marker(&encode(role)),
        None if is_empty => {
            Err(Error::new(ErrorKind::Invalid, OP, "the store was never finished being created")
                .hint("let it be created"))
        }
        None => Err(Error::new(ErrorKind::Invalid, OP, "the LMDB environment in the folder is not Larder's")
            .hint("choose another folder; nothing in this one was changed")),
    }
}

fn compare(found: &[u8], role: LmdbRole) -> Result<()> {
    let corrupt = || {
        Error::new(ErrorKind::Corrupt, OP, "the format marker of the store is damaged")
            .hint(error::DAMAGED_HINT)
    };
    let found: [u8; LEN] = found.try_into().map_err(|_| corrupt())?;
    let [version, letter, not_version, not_letter] = [found[8], found[9], found[10], found[11]];
    if found[..8] != MAGIC || version != !not_version || letter != !not_letter {
        return Err(corrupt());
    }
    if version != VERSION && role == LmdbRole::Cache && letter == b'C' {
        // As good as damaged: a cache begins anew.
        let why = format!("the cache has the format {version}, and this reads {VERSION}");
        return Err(Error::new(ErrorKind::Corrupt, OP, why));
    }
    if version != VERSION {
        let why = format!("the store has the format {version}, and this reads {VERSION}");
        return Err(Error::new(ErrorKind::Unsupported, OP, why).hint("a later version of Larder made it"));
    }
    if encode(role) != found {
        let (has, other) = match letter {
            b'O' => ("origin", "cache"),
            b'C' => ("cache", "origin"),
            _ => return Err(corrupt()),
        };
        let why = format!("the folder was made with role={has}, and is opened with role={other}");
        return Err(Error::new(ErrorKind::Invalid, OP, why).hint(
            "a cache may forget and an origin may not: choose another folder, or the role that it has",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_and_version_must_fit() {
        let origin = encode(LmdbRole::Origin);
        assert!(compare(&origin, LmdbRole::Origin).is_ok());
        let error = compare(&origin, LmdbRole::Cache).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("role=origin"), "{error}");
        let mut newer = origin;
        (newer[8], newer[10]) = (2, !2);
        assert_eq!(compare(&newer, LmdbRole::Origin).unwrap_err().kind(), ErrorKind::Unsupported);
        let mut cache = encode(LmdbRole::Cache);
        assert!(compare(&cache, LmdbRole::Cache).is_ok());
        assert_eq!(compare(&cache, LmdbRole::Origin).unwrap_err().kind(), ErrorKind::Invalid);
        (cache[8], cache[10]) = (2, !2);
        assert_eq!(compare(&cache, LmdbRole::Cache).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(compare(&newer, LmdbRole::Cache).unwrap_err().kind(), ErrorKind::Unsupported);
        for bit in 0..LEN * 8 {
            let mut flipped = origin;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(compare(&flipped, LmdbRole::Origin).unwrap_err().kind(), ErrorKind::Corrupt, "{bit}");
        }
        assert!(compare(&origin[1..], LmdbRole::Origin).is_err());
    }
}
