//! Sizes and times for people.

use std::time::Duration;

/// A number of bytes in a unit that fits: `4 B`, `1.5 KiB`, `64.0 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A number with its noun: `1 key`, `2 keys`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A span of time: `40 ms`, `1.25 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis().max(1)),
        1..10 => format!("{:.2} s", time.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        7200..172_800 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// How fast: bytes a second, or entries where there are hardly any bytes.
pub(crate) fn rate(size: u64, entries: u64, took: Duration) -> String {
    let seconds = took.as_secs_f64().max(1e-6);
    match size >= entries.saturating_mul(1024) {
        true => format!("{}/s", bytes((size as f64 / seconds) as u64)),
        false => format!("{:.0} entries/s", entries as f64 / seconds),
    }
}

/// How long, and how fast.
pub(crate) fn took(took: Duration, size: u64, entries: u64) -> String {
    match entries {
        0 => span(took),
        _ => format!("{}, {}", span(took), rate(size, entries, took)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_rates() {
        let of = |millis| span(Duration::from_millis(millis));
        assert_eq!(
            [40, 9999, 12_300, 185_000, 7_800_000, 273_600_000].map(of),
            ["40 ms", "10.00 s", "12 s", "3 min 5 s", "2 h 10 min", "3 d 4 h"]
        );
        assert_eq!(rate(10 << 20, 5, Duration::from_secs(2)), "5.0 MiB/s");
        assert_eq!(rate(100, 50, Duration::from_secs(2)), "25 entries/s");
    }

    #[test]
    fn sizes() {
        for (size, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (64 << 20, "64.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }
}
