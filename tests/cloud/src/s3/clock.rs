//! Times as S3 writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s3s::dto::Timestamp;

/// Seconds since 1970 by the machine's clock, moved by `offset`.
pub(super) fn now(offset: i64) -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX).saturating_add(offset)
}

pub(super) fn system(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

pub(super) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from(system(seconds))
}

/// The seconds that a stamp stands for, without its fraction.
pub(super) fn seconds(stamp: &Timestamp) -> i64 {
    let mut text = Vec::new();
    match stamp.format(s3s::dto::TimestampFormat::EpochSeconds, &mut text) {
        Ok(()) => {
            let text = String::from_utf8_lossy(&text).into_owned();
            text.split('.').next().and_then(|whole| whole.parse().ok()).unwrap_or(0)
        }
        Err(_) => 0,
    }
}

/// Reads `20261121T125505Z`.
pub(super) fn parse_basic(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    if date.len() != 8 || time.len() != 6 || !date.bytes().chain(time.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = |text: &str| text.parse::<i64>().ok();
    let days = days_since_1970(number(&date[..4])?, number(&date[4..6])?, number(&date[6..])?);
    Some(days * 86_400 + number(&time[..2])? * 3_600 + number(&time[2..4])? * 60 + number(&time[4..])?)
}

/// Days from 1 January 1970 to a date of the Gregorian calendar. Years begin in March here, so that the leap day is
/// the last one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let in_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + in_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basic_date_is_read() {
        assert_eq!(parse_basic("19700101T000000Z"), Some(0));
        assert_eq!(parse_basic("20000229T235959Z"), Some(951_868_799));
        assert_eq!(parse_basic("20261121T125505Z"), Some(1_795_265_705));
        assert_eq!(parse_basic("2026-11-21T12:55:05Z"), None);
    }

    #[test]
    fn a_stamp_gives_its_seconds() {
        assert_eq!(seconds(&timestamp(951_868_799)), 951_868_799);
    }
}
