//! Sizes and times as people write them.

use std::time::Duration;

/// What [`parse_size`] takes, for messages.
pub(super) const SIZE: &str = "a size such as 64MiB, 1GiB or 4096 (B, KiB, MiB, GiB, TiB; whole numbers)";
/// What [`parse_duration`] takes, for messages.
pub(super) const DURATION: &str = "a time such as 30s, 5m or 100ms (us, ms, s, m, h, d; whole numbers)";

/// A number of bytes: digits and a unit of powers of 1024, in any case, or digits alone. `None` for anything else.
///
/// `MB` is none of them, because half of its readers take it for 1000².
///
/// ```
/// use larder_store_core::config::parse_size;
/// assert_eq!(parse_size("64MiB"), Some(64 << 20));
/// assert_eq!(parse_size("4096"), Some(4096));
/// assert_eq!(parse_size("64MB"), None);
/// ```
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "kib" => 10,
        "mib" => 20,
        "gib" => 30,
        "tib" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

/// A span of time: digits and a unit. `None` for anything else, digits alone included, since their unit would be a
/// guess.
///
/// ```
/// use std::time::Duration;
/// use larder_store_core::config::parse_duration;
/// assert_eq!(parse_duration("5m"), Some(Duration::from_secs(300)));
/// assert_eq!(parse_duration("100ms"), Some(Duration::from_millis(100)));
/// assert_eq!(parse_duration("30"), None);
/// ```
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let seconds = match unit {
        "us" => return Some(Duration::from_micros(number)),
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// A span of time as [`parse_duration`] takes it back, exact to the microsecond.
pub(super) fn print_duration(time: Duration) -> String {
    let micros = time.as_micros();
    for (unit, length) in [("s", 1_000_000), ("ms", 1000)] {
        if micros.is_multiple_of(length) {
            return format!("{}{unit}", micros / length);
        }
    }
    format!("{micros}us")
}

/// Digits, and what comes behind them.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, size) in [
            ("0", 0),
            ("1", 1),
            ("7B", 7),
            ("3kib", 3 << 10),
            ("3KiB", 3 << 10),
            ("2GiB", 2 << 30),
            ("1TiB", 1 << 40),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_size(text), Some(size), "{text}");
        }
        for bad in [
            "",
            " 1",
            "1 ",
            "-1",
            "+1",
            "1.5GiB",
            "1MB",
            "1M",
            "MiB",
            "18446744073709551616",
            "16777216TiB",
            "१",
        ] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_there_and_back() {
        for text in ["0s", "1s", "90s", "100ms", "1500ms", "7us"] {
            assert_eq!(print_duration(parse_duration(text).unwrap()), text);
        }
        assert_eq!(parse_duration("2h"), Some(Duration::from_secs(7200)));
        assert_eq!(parse_duration("1d"), Some(Duration::from_secs(86_400)));
        for bad in ["", "0", "30", "s", "-1s", "1.5s", "1 s", "1S", "1w", "213503982334602d"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
