//! Times: microseconds since 1970, which generations look like too.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970 by the machine's clock, moved by `offset` seconds.
pub(super) fn now(offset: i64) -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX).saturating_add(offset.saturating_mul(1_000_000))
}

pub(super) fn system(micros: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Sets a field to a time. (The type of the field has no name here.)
macro_rules! stamp {
    ($field:expr, $micros:expr) => {{
        let (micros, stamp): (i64, _) = ($micros, $field.get_or_insert_default());
        stamp.seconds = micros.div_euclid(1_000_000);
        stamp.nanos = (micros.rem_euclid(1_000_000) * 1000) as i32;
    }};
}
pub(super) use stamp;

/// The microseconds of a time that is given by seconds and the rest.
pub(super) fn of_parts(seconds: i64, nanos: i32) -> i64 {
    seconds.saturating_mul(1_000_000).saturating_add(i64::from(nanos / 1000))
}

/// As RFC 3339 writes it, in UTC and with milliseconds.
pub(super) fn rfc3339(micros: i64) -> String {
    let (days, micro_of_day) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let (year, month, day) = civil(days);
    let seconds = micro_of_day / 1_000_000;
    let millis = micro_of_day % 1_000_000 / 1000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Reads what [`rfc3339`] writes, with any number of digits behind the point.
pub(super) fn parse_rfc3339(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut time = whole.split(':').map(|part| part.parse::<i64>().ok());
    let days = days(date.next()??, date.next()??, date.next()??);
    let seconds = time.next()?? * 3600 + time.next()?? * 60 + time.next()??;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}")[..6].parse().ok()?;
    Some((days * 86_400 + seconds) * 1_000_000 + micros)
}

/// Years begin in March here, so that the leap day is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let in_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + in_year - 719_468
}

/// The date that is so many days after 1 January 1970.
fn civil(days_since: i64) -> (i64, i64, i64) {
    let mut year = 1970 + days_since.div_euclid(366);
    while days(year + 1, 1, 1) <= days_since {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| days(year, *month, 1) <= days_since).unwrap_or(1);
    (year, month, days_since - days(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_come_and_go() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_868_799_000_000, "2000-02-29T23:59:59.000Z"),
            (1_795_265_705_123_000, "2026-11-21T12:55:05.123Z"),
            (4_102_444_799_999_000, "2099-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(micros), text);
            assert_eq!(parse_rfc3339(text), Some(micros));
        }
        assert_eq!(parse_rfc3339("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(parse_rfc3339("today"), None);
    }
}
