//! The token in a version: S3's ETag, and when the value expires.
//!
//! A conditional write must fail on a value that has expired, and S3 knows nothing of that. The version says it, so
//! that no request is needed: `"etag"` alone, or `"etag"@nanoseconds`.

use std::time::SystemTime;

use larder_store_core::{Version, WriteId};

use super::facts::{nanos, time_of};

/// The version of an object that Larder wrote.
pub(super) fn version(
    etag: &str,
    expires: Option<SystemTime>,
    id: WriteId,
    predecessors: &[WriteId],
) -> Version {
    // A time that could not be written was never read.
    let tag = match expires.and_then(|at| nanos(at).ok()) {
        Some(nanos) => format!("{etag}@{nanos}"),
        None => etag.to_owned(),
    };
    Version::of_service(tag, Some(id), predecessors.iter().copied())
}

/// The ETag that a version names, and when its value expires; `None` for a version without a token.
pub(super) fn etag(version: &Version) -> Option<(&str, Option<SystemTime>)> {
    let tag = version.tag()?;
    match tag.rsplit_once('@').and_then(|(etag, nanos)| Some((etag, time_of(nanos)?))) {
        Some((etag, expires)) => Some((etag, Some(expires))),
        None => Some((tag, None)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn both_parts_come_back() {
        let id = WriteId::from_bytes([1; 16]);
        let at = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_001);
        assert_eq!(etag(&version("\"abc-2\"", Some(at), id, &[])), Some(("\"abc-2\"", Some(at))));
        assert_eq!(etag(&version("\"abc\"", None, id, &[id])), Some(("\"abc\"", None)));
        assert_eq!(etag(&Version::of_service("\"a@b\"", None, [])), Some(("\"a@b\"", None)));
        assert_eq!(etag(&Version::of_write(id, [])), None);
    }
}
