//! Times as RFC 3339, in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;

/// `2026-11-21T19:17:09Z`.
pub(crate) fn seconds(time: SystemTime) -> String {
    format!("{}Z", civil(since_1970(time).0))
}

/// `2026-11-21T19:17:09.123456789Z`, with as many digits as there are.
pub(crate) fn exact(time: SystemTime) -> String {
    let (seconds, nanos) = since_1970(time);
    match nanos {
        0 => format!("{}Z", civil(seconds)),
        _ => format!("{}.{}Z", civil(seconds), format!("{nanos:09}").trim_end_matches('0')),
    }
}

/// Whole seconds before or after 1970, and nanoseconds after them.
fn since_1970(time: SystemTime) -> (i64, u32) {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (after.as_secs() as i64, after.subsec_nanos()),
        Err(before) => {
            let before = before.duration();
            match before.subsec_nanos() {
                0 => (-(before.as_secs() as i64), 0),
                nanos => (-(before.as_secs() as i64) - 1, 1_000_000_000 - nanos),
            }
        }
    }
}

/// The calendar's day of a day's number: the cycle of 400 years has 146,097 days, and a year that begins in March has
/// its odd day at its end.
fn date(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let (cycle, of_cycle) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (year + cycle * 400 + i64::from(month <= 2), month, of_year - (153 * march + 2) / 5 + 1)
}

/// The number of a calendar's day.
fn day(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    cycle * 146_097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - 719_468
}

fn civil(seconds: i64) -> String {
    let (of_day, (year, month, day)) = (seconds.rem_euclid(DAY), date(seconds.div_euclid(DAY)));
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Reads `2026-11-21T19:17:09Z`, with a fraction and another offset than `Z` if there are; a date alone is its
/// beginning.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let digits = |part: &str, count: usize| {
        (part.len() == count && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<i64>().ok())?
    };
    let (ymd, rest) = (text.get(..10)?, text.get(10..)?);
    let mut parts = ymd.split('-');
    let (y, m, d) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let number = day(y, m, d);
    if !(1..=12).contains(&m) || d == 0 || date(number) != (y, m, d) {
        return None;
    }
    let (mut seconds, mut nanos) = (number * DAY, 0u32);
    if !rest.is_empty() {
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        let (hms, mut rest) = (rest.get(..8)?, rest.get(8..)?);
        let mut parts = hms.split(':');
        let (h, min, s) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
        if h > 23 || min > 59 || s > 59 {
            return None;
        }
        seconds += h * 3600 + min * 60 + s;
        if let Some(fraction) = rest.strip_prefix('.') {
            let end = fraction.bytes().position(|b| !b.is_ascii_digit())?;
            let (fraction, behind) = fraction.split_at(end);
            nanos = format!("{fraction:0<9}").get(..9)?.parse().ok().filter(|_| !fraction.is_empty())?;
            rest = behind;
        }
        if !matches!(rest, "Z" | "z") {
            let (sign, offset) = match rest.split_at_checked(1)? {
                ("+", offset) => (-1, offset),
                ("-", offset) => (1, offset),
                _ => return None,
            };
            let (h, min) = offset.split_once(':')?;
            let (h, min) = (digits(h, 2).filter(|h| *h <= 23)?, digits(min, 2).filter(|m| *m <= 59)?);
            seconds += sign * (h * 3600 + min * 60);
        }
    }
    let nanos = Duration::from_nanos(nanos.into());
    match u64::try_from(seconds) {
        Ok(after) => UNIX_EPOCH.checked_add(Duration::from_secs(after) + nanos),
        Err(_) => UNIX_EPOCH.checked_sub(Duration::from_secs(seconds.unsigned_abs()))?.checked_add(nanos),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for text in [
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59.5Z",
            "2000-02-29T12:00:00Z",
            "2026-11-21T19:17:09.123456789Z",
            "1600-03-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(exact(parse(text).unwrap()), text);
        }
        // As `date -u -d @1000000000` says.
        assert_eq!(seconds(UNIX_EPOCH + Duration::from_secs(1_000_000_000)), "2001-09-09T01:46:40Z");
    }

    #[test]
    fn other_forms() {
        for (text, same) in [
            ("2026-11-21", "2026-11-21T00:00:00Z"),
            ("2026-11-21t19:00:00z", "2026-11-21T19:00:00Z"),
            ("2026-11-21 19:00:00+02:00", "2026-11-21T17:00:00Z"),
            ("2026-11-21T19:00:00-05:30", "2026-11-22T00:30:00Z"),
        ] {
            assert_eq!(exact(parse(text).unwrap()), same);
        }
        for bad in [
            "",
            "2026",
            "2026-13-01",
            "2025-02-29",
            "2026-00-10",
            "2026-11-21T19:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T19:00:00",
            "2026-11-21T19:00:00.Z",
            "2026-11-21T19:00:00+0200",
            "२०२६-११-२१",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
