//! One line of JSON for each outcome.

use serde_json::{Value, json};

use crate::case::{Limit, Outcome};

/// The line of an outcome, without its end.
pub(crate) fn json(outcome: &Outcome) -> Value {
    let (ratio, added) = match outcome.case.limit {
        None => (None, None),
        Some(Limit::Ratio(limit)) => (Some(rounded(limit, 1e4)), None),
        Some(Limit::Added(limit)) => (None, Some(rounded(limit, 10.0))),
    };
    json!({
        "suite": outcome.case.suite,
        "case": outcome.case.name,
        "peer": outcome.case.peer,
        "ours": rounded(outcome.ours, 10.0),
        "theirs": rounded(outcome.theirs, 10.0),
        "unit": outcome.case.unit.name(),
        "ratio": rounded(outcome.ratio, 1e4),
        "spread": [rounded(outcome.spread.0, 1e4), rounded(outcome.spread.1, 1e4)],
        "added": rounded(outcome.added, 10.0),
        "added_spread": [rounded(outcome.added_spread.0, 10.0), rounded(outcome.added_spread.1, 10.0)],
        "n": outcome.n,
        "limit": ratio,
        "added_limit": added,
        "met": outcome.met(),
    })
}

/// No more digits than were measured.
fn rounded(number: f64, steps: f64) -> f64 {
    (number * steps).round() / steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;

    #[test]
    fn a_line_holds_what_the_help_names() {
        let case = Case::new("durable", "64 \"writers\"", "lmdb-rkv").limit(1.0 / 0.7);
        let line = json(&Outcome::new(case, &[(250.04, 200.0)])).to_string();
        let wanted = r#"{"added":50.0,"added_limit":null,"added_spread":[50.0,50.0],"case":"64 \"writers\"","limit":1.4286,"met":true,"n":1,"ours":250.0,"peer":"lmdb-rkv","ratio":1.2502,"spread":[1.2502,1.2502],"suite":"durable","theirs":200.0,"unit":"ns/op"}"#;
        assert_eq!(
            serde_json::from_str::<Value>(&line).unwrap(),
            serde_json::from_str::<Value>(wanted).unwrap()
        );
        assert!(!line.contains('\n'));
        let look = json(&Outcome::new(Case::new("warm", "get", "moka"), &[(1.0, 1.0)]));
        assert!(look["limit"].is_null() && look["met"].is_null());
    }
}
