//! The table for people.

use crate::case::{Limit, Outcome, Unit};

const HEAD: [&str; 9] = ["suite", "case", "peer", "ours", "theirs", "ratio", "spread", "n", "limit"];

/// Columns of numbers, which stand to the right.
const NUMBERS: std::ops::Range<usize> = 3..8;

/// An aligned table with a line of explanation.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(outcomes.iter().map(line));
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| lines.iter().map(|l| l[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for (row, line) in lines.iter().enumerate() {
        let cells: Vec<String> = (0..HEAD.len())
            .map(|column| {
                let (cell, width) = (&line[column], widths[column]);
                if NUMBERS.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
        if row == 0 {
            text.push_str(&widths.iter().map(|&width| "-".repeat(width)).collect::<Vec<_>>().join("  "));
            text.push('\n');
        }
    }
    text + "ratio: our cost over the peer's, the median of n rounds; spread: the 95 % interval of that median.\n"
}

fn line(outcome: &Outcome) -> [String; HEAD.len()] {
    let unit = outcome.case.unit;
    let verdict = || {
        let verdict = if outcome.met() == Some(true) { "met" } else { "MISSED" };
        format!("{verdict}{}", if outcome.is_close() { ", within the spread" } else { "" })
    };
    let added = || {
        let (low, high) = outcome.added_spread;
        let [added, low, high] = [outcome.added, low, high].map(|n| unit.show(n));
        let sign = if outcome.added < 0.0 { "" } else { "+" };
        format!("{sign}{added} ({low} to {high})")
    };
    let limit = match outcome.case.limit {
        None if unit == Unit::Cpu => format!("none: {}", added()),
        None => "none".to_owned(),
        Some(Limit::Ratio(limit)) => format!("{} {}", times(limit), verdict()),
        Some(Limit::Added(limit)) => format!("+{} {}: {}", unit.show(limit), verdict(), added()),
    };
    [
        outcome.case.suite.to_owned(),
        outcome.case.name.clone(),
        outcome.case.peer.to_owned(),
        unit.show(outcome.ours),
        unit.show(outcome.theirs),
        times(outcome.ratio),
        format!("{}–{}", times(outcome.spread.0), times(outcome.spread.1)),
        outcome.n.to_string(),
        limit,
    ]
}

/// A ratio, with a digit more where it is small.
pub(crate) fn times(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.3}") } else { format!("{ratio:.2}") }
}

/// Nanoseconds with three digits and the unit that suits them.
pub(crate) fn per_op(nanos: f64) -> String {
    let (value, unit) = match nanos.abs() {
        n if n < 1e3 => (nanos, "ns"),
        n if n < 1e6 => (nanos / 1e3, "µs"),
        n if n < 1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    let digits = if value.abs() < 10.0 { 2 } else { usize::from(value.abs() < 100.0) };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;

    #[test]
    fn columns_stand_under_each_other() {
        let get = Outcome::new(Case::new("warm", "get 1 KiB", "µ-peer").limit(1.5), &[(1_400.0, 1_000.0)]);
        let put = Outcome::new(Case::new("durable", "put", "p").limit(1.2), &[(3.5e6, 2.5e6)]);
        let look = Outcome::new(Case::new("warm", "look", "q"), &[(9.0, 10.0)]);
        let text = table(&[get, put, look]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[2], "warm     get 1 KiB  µ-peer  1.40 µs  1.00 µs   1.40  1.40–1.40  1  1.50 met");
        assert_eq!(
            lines[3],
            "durable  put        p       3.50 ms  2.50 ms   1.40  1.40–1.40  1  1.20 MISSED"
        );
        assert_eq!(lines[4], "warm     look       q       9.00 ns  10.0 ns   0.90  0.90–0.90  1  none");
        assert_eq!(lines.len(), 6);
    }

    #[test]
    fn times_have_three_digits() {
        let texts = [0.5, 99.94, 999.0, 1_000.0, 12_345.0, 7.5e6, 2e9, -1_234.0].map(per_op);
        assert_eq!(
            texts,
            ["0.50 ns", "99.9 ns", "999 ns", "1.00 µs", "12.3 µs", "7.50 ms", "2.00 s", "-1.23 µs"]
        );
    }

    #[test]
    #[cfg(feature = "cloud")]
    fn what_is_added_is_told_of_processor_time() {
        let look = Case::new("cloud", "get", "p").unit(Unit::Cpu);
        let text = table(&[Outcome::new(look.clone(), &[(90_000.0, 100_000.0)])]);
        assert!(text.contains("1  none: -10.0 µs (-10.0 µs to -10.0 µs)"), "{text}");
        let text = table(&[Outcome::new(look.limit_added(20_000.0), &[(112_500.0, 100_000.0)])]);
        assert!(
            text.contains("112 µs  100 µs   1.12  1.12–1.12  1  +20.0 µs met: +12.5 µs (12.5 µs to 12.5 µs)"),
            "{text}"
        );
        let case = Case::new("cloud", "64 gets", "one by one").limit(1.0 / 40.0);
        let text = table(&[Outcome::new(case, &[(0.52, 20.0)])]);
        assert!(text.contains("0.026  0.026–0.026  1  0.025 MISSED"), "{text}");
        let case = Case::new("cloud", "get", "p").unit(Unit::Requests).limit(1.0);
        let text = table(&[Outcome::new(case, &[(1.0, 1.0)])]);
        assert!(text.contains("1.00    1.00   1.00"), "{text}");
    }
}
