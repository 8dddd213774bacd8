//! What was checked, and what came of it.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::Duration;

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Everything held.
    Passed,
    /// The guarantees rule the case out, and the store refused it by name and before any effect.
    Refused,
    /// Something did not hold.
    Failed(String),
}

/// One case.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CaseReport {
    /// Its name: `group.case`.
    pub name: &'static str,
    /// What it says must hold.
    pub about: &'static str,
    /// How many comparisons were made.
    pub checks: u64,
    /// What came of it.
    pub verdict: Verdict,
    /// The guarantees that ruled out the case, or parts of a case that passed otherwise. Each refusal was checked.
    pub refused: Vec<String>,
    /// How long it took.
    pub time: Duration,
}

/// All cases of one subject.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// The subject.
    pub subject: String,
    /// Where randomness started: `LARDER_CONFORMANCE_SEED` repeats it.
    pub seed: u64,
    /// The cases, in the suite's order.
    pub cases: Vec<CaseReport>,
}

impl Report {
    /// Whether no case failed.
    pub fn passed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The cases that failed.
    pub fn failed(&self) -> impl Iterator<Item = &CaseReport> {
        self.cases.iter().filter(|c| matches!(c.verdict, Verdict::Failed(_)))
    }

    /// The case of this name.
    pub fn case(&self, name: &str) -> Option<&CaseReport> {
        self.cases.iter().find(|c| c.name == name)
    }

    /// Ends the test if a case failed.
    ///
    /// # Panics
    /// With the whole table, if a case failed or there is none.
    #[track_caller]
    pub fn assert_passed(&self) {
        assert!(!self.cases.is_empty(), "no case was run");
        assert!(self.passed(), "\n{self}");
    }

    /// One line of JSON for each case: `{"subject", "case", "verdict", "checks", "millis", "refused", "reason", "seed"}`.
    pub fn json_lines(&self) -> String {
        let mut out = String::new();
        for case in &self.cases {
            let (verdict, reason) = match &case.verdict {
                Verdict::Passed => ("passed", ""),
                Verdict::Refused => ("refused", ""),
                Verdict::Failed(why) => ("failed", why.as_str()),
            };
            let refused: Vec<_> = case.refused.iter().map(|r| json_text(r)).collect();
            let _ = writeln!(
                out,
                "{{\"subject\":{},\"case\":{},\"verdict\":\"{verdict}\",\"checks\":{},\"millis\":{},\
                 \"refused\":[{}],\"reason\":{},\"seed\":{}}}",
                json_text(&self.subject),
                json_text(case.name),
                case.checks,
                case.time.as_millis(),
                refused.join(","),
                json_text(reason),
                json_text(&self.seed.to_string()),
            );
        }
        out
    }

    /// Appends [`Report::json_lines`] to the file that `LARDER_CONFORMANCE_REPORT` names, if it is set.
    ///
    /// # Errors
    /// Those of the file.
    pub fn append_to_env(&self) -> std::io::Result<()> {
        let Some(path) = std::env::var_os("LARDER_CONFORMANCE_REPORT") else { return Ok(()) };
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        // One write, so that the lines of several test processes do not mix.
        file.write_all(self.json_lines().as_bytes())
    }
}

fn json_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wide = self.cases.iter().map(|c| c.name.len()).max().unwrap_or(0).max(4);
        writeln!(f, "{} (seed {})", self.subject, self.seed)?;
        writeln!(f, "{:wide$}  {:>8}  {:>7}  verdict", "case", "checks", "ms")?;
        let mut counts = [0usize; 3];
        for case in &self.cases {
            let (i, verdict) = match &case.verdict {
                Verdict::Passed => (0, "passed".to_owned()),
                Verdict::Refused => (1, "refused".to_owned()),
                Verdict::Failed(why) => (2, format!("FAILED: {why}")),
            };
            counts[i] += 1;
            let (name, checks, millis) = (case.name, case.checks, case.time.as_millis());
            write!(f, "{name:wide$}  {checks:>8}  {millis:>7}  {verdict}")?;
            if !case.refused.is_empty() {
                write!(f, " [not offered: {}]", case.refused.join(", "))?;
            }
            writeln!(f)?;
        }
        let [passed, refused, failed] = counts;
        let checks: u64 = self.cases.iter().map(|c| c.checks).sum();
        write!(f, "{passed} passed, {refused} refused as guaranteed, {failed} failed; {checks} checks")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_and_lines() {
        let case = CaseReport {
            name: "keys.odd",
            about: "",
            checks: 3,
            verdict: Verdict::Failed("key \"a\\b\"\n".into()),
            refused: vec!["expiry".into()],
            time: Duration::from_millis(5),
        };
        let report = Report { subject: "memory".into(), seed: 7, cases: vec![case] };
        assert!(!report.passed());
        let table = report.to_string();
        assert!(
            table.contains("keys.odd") && table.contains("FAILED") && table.contains("expiry"),
            "{table}"
        );
        assert_eq!(
            report.json_lines(),
            "{\"subject\":\"memory\",\"case\":\"keys.odd\",\"verdict\":\"failed\",\"checks\":3,\"millis\":5,\
             \"refused\":[\"expiry\"],\"reason\":\"key \\\"a\\\\b\\\"\\u000a\",\"seed\":\"7\"}\n"
        );
    }
}
