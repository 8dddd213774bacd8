//! The table for people.

use crate::case::Outcome;

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
    let limit = match (outcome.case.limit, outcome.met()) {
        (Some(limit), Some(met)) => {
            let verdict = if met { "met" } else { "MISSED" };
            let close = if outcome.is_close() { ", within the spread" } else { "" };
            format!("{limit:.2} {verdict}{close}")
        }
        _ => "none".to_owned(),
    };
    [
        outcome.case.suite.to_owned(),
        outcome.case.name.clone(),
        outcome.case.peer.to_owned(),
        per_op(outcome.ours),
        per_op(outcome.theirs),
        format!("{:.2}", outcome.ratio),
        format!("{:.2}–{:.2}", outcome.spread.0, outcome.spread.1),
        outcome.n.to_string(),
        limit,
    ]
}

/// Nanoseconds with three digits and the unit that suits them.
pub(crate) fn per_op(nanos: f64) -> String {
    let (value, unit) = match nanos {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
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
        let texts = [0.5, 99.94, 999.0, 1_000.0, 12_345.0, 7.5e6, 2e9].map(per_op);
        assert_eq!(texts, ["0.50 ns", "99.9 ns", "999 ns", "1.00 µs", "12.3 µs", "7.50 ms", "2.00 s"]);
    }
}
