//! Times as they are stored: signed nanoseconds since 1970, good from 1677 to 2262.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The nanoseconds, if the time is in range.
pub fn to_nanos(time: SystemTime) -> Option<i64> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).ok(),
        Err(before) => i64::try_from(before.duration().as_nanos()).ok().map(|n| -n),
    }
}

/// The time.
pub fn from_nanos(nanos: i64) -> SystemTime {
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    if nanos < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_1970() {
        for nanos in [0, 1, -1, 1_700_000_000_123_456_789, i64::MAX, -i64::MAX] {
            assert_eq!(to_nanos(from_nanos(nanos)), Some(nanos));
        }
        assert_eq!(to_nanos(UNIX_EPOCH + Duration::from_secs(1 << 40)), None);
    }
}
