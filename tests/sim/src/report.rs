//! What a campaign found, for people and for programs.

use std::fmt::Write;
use std::time::Duration;

use crate::Outcome;

/// One measure.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A count.
    Count(u64),
    /// A time.
    Time(Duration),
    /// A word.
    Text(String),
}

/// What a campaign found about one store.
#[derive(Debug, Clone)]
pub struct Report {
    campaign: &'static str,
    store: String,
    seed: u64,
    facts: Vec<(String, Fact)>,
    problems: Vec<String>,
    more_problems: u64,
}

/// How many problems are kept word by word.
const KEPT: usize = 20;

impl Report {
    /// An empty one.
    pub fn new(campaign: &'static str, store: impl Into<String>, seed: u64) -> Report {
        Report {
            campaign,
            store: store.into(),
            seed,
            facts: Vec::new(),
            problems: Vec::new(),
            more_problems: 0,
        }
    }

    /// Adds a count.
    pub fn count(&mut self, name: impl Into<String>, n: u64) {
        self.facts.push((name.into(), Fact::Count(n)));
    }

    /// Adds a time.
    pub fn time(&mut self, name: impl Into<String>, time: Duration) {
        self.facts.push((name.into(), Fact::Time(time)));
    }

    /// Adds a word.
    pub fn text(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.facts.push((name.into(), Fact::Text(text.into())));
    }

    /// Adds what must not be. A report with a problem is a failure.
    pub fn problem(&mut self, what: impl Into<String>) {
        match self.problems.len() < KEPT {
            true => self.problems.push(what.into()),
            false => self.more_problems += 1,
        }
    }

    /// A count, by its name; 0 if there is none.
    pub fn counted(&self, name: &str) -> u64 {
        let found = self.facts.iter().find(|(other, _)| other == name);
        match found {
            Some((_, Fact::Count(n))) => *n,
            _ => 0,
        }
    }

    /// The names of its measures.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.facts.iter().map(|(name, _)| name.as_str())
    }

    /// What must not be, as far as it was kept.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    /// Fails a test if something is wrong.
    ///
    /// # Panics
    /// Then.
    pub fn assert_good(&self) {
        assert!(self.is_good(), "{}", table(std::slice::from_ref(self)));
    }

    /// Lines that [`Report::absorb`] takes, for a child to say on its output.
    pub fn lines(&self) -> String {
        let mut text = String::new();
        let plain = |text: &str| text.replace(['\n', '\t'], " ");
        for (name, fact) in &self.facts {
            let _ = match fact {
                Fact::Count(n) => writeln!(text, "count\t{}\t{n}", plain(name)),
                Fact::Time(time) => writeln!(text, "time\t{}\t{}", plain(name), time.as_nanos()),
                Fact::Text(word) => writeln!(text, "text\t{}\t{}", plain(name), plain(word)),
            };
        }
        for problem in &self.problems {
            let _ = writeln!(text, "problem\t\t{}", plain(problem));
        }
        text
    }

    /// Takes what a child said.
    ///
    /// # Errors
    /// It said something else.
    pub fn absorb(&mut self, lines: &str) -> Outcome {
        for line in lines.lines() {
            let mut fields = line.splitn(3, '\t');
            match (fields.next(), fields.next(), fields.next()) {
                (Some("count"), Some(name), Some(n)) => self.count(name, n.parse()?),
                (Some("time"), Some(name), Some(n)) => self.time(name, Duration::from_nanos(n.parse()?)),
                (Some("text"), Some(name), Some(text)) => self.text(name, text),
                (Some("problem"), _, Some(what)) => self.problem(what),
                _ => return Err(format!("a child said {line:?}").into()),
            }
        }
        Ok(())
    }

    /// One line of JSON.
    pub fn json(&self) -> String {
        let mut line = format!(
            "{{\"campaign\":{},\"store\":{},\"seed\":{}",
            quote(self.campaign),
            quote(&self.store),
            self.seed
        );
        for (name, fact) in &self.facts {
            let name = name.replace([' ', '-'], "_");
            let _ = match fact {
                Fact::Count(n) => write!(line, ",{}:{n}", quote(&name)),
                Fact::Time(time) => write!(line, ",{}:{}", quote(&(name + "_us")), time.as_micros()),
                Fact::Text(text) => write!(line, ",{}:{}", quote(&name), quote(text)),
            };
        }
        let problems: Vec<_> = self.problems.iter().map(|p| quote(p)).collect();
        let all = self.problems.len() as u64 + self.more_problems;
        let _ = write!(line, ",\"problem_count\":{all},\"problems\":[{}]}}", problems.join(","));
        line
    }
}

/// A table with a column for each report, and what is wrong below it.
pub fn table(reports: &[Report]) -> String {
    let Some(first) = reports.first() else { return String::new() };
    let mut names: Vec<&str> = vec!["seed"];
    for report in reports {
        for (name, _) in &report.facts {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    let cell = |report: &Report, name: &str| match report.facts.iter().find(|(other, _)| other == name) {
        _ if name == "seed" => report.seed.to_string(),
        Some((_, Fact::Count(n))) => grouped(*n),
        Some((_, Fact::Time(time))) => human(*time),
        Some((_, Fact::Text(text))) => text.clone(),
        None => String::new(),
    };
    let mut rows = vec![(first.campaign, reports.iter().map(|r| r.store.clone()).collect::<Vec<_>>())];
    rows.extend(names.into_iter().map(|name| (name, reports.iter().map(|r| cell(r, name)).collect())));
    let left = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..reports.len())
        .map(|i| rows.iter().map(|(_, cells)| cells[i].chars().count()).max().unwrap_or_default())
        .collect();
    let mut text = String::new();
    for (name, cells) in rows {
        let _ = write!(text, "{name:left$}");
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
    for report in reports {
        for problem in &report.problems {
            let _ = writeln!(text, "WRONG ({}): {problem}", report.store);
        }
        if report.more_problems > 0 {
            let _ = writeln!(text, "WRONG ({}): and {} more", report.store, report.more_problems);
        }
    }
    text
}

fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn human(time: Duration) -> String {
    match time.as_secs_f64() {
        s if s >= 1.0 => format!("{s:.1} s"),
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s => format!("{:.1} µs", s * 1e6),
    }
}

fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_and_a_line() {
        let mut one = Report::new("kill", "file", 7);
        one.count("kills", 20_000);
        one.time("reopen p99", Duration::from_micros(1500));
        let mut two = Report::new("kill", "lmdb", 7);
        two.count("kills", 3);
        two.problem("a \"line\"\nand another");
        let text = table(&[one.clone(), two.clone()]);
        assert!(text.contains("20,000"), "{text}");
        assert!(text.contains("1.50 ms"), "{text}");
        assert!(text.contains("WRONG (lmdb): a"), "{text}");
        assert_eq!(
            one.json(),
            "{\"campaign\":\"kill\",\"store\":\"file\",\"seed\":7,\"kills\":20000,\"reopen_p99_us\":1500,\
             \"problem_count\":0,\"problems\":[]}"
        );
        assert!(two.json().contains("a \\\"line\\\"\\nand another"));
        assert!(one.is_good() && !two.is_good());
        let mut told = Report::new("kill", "lmdb", 7);
        told.absorb(&two.lines()).unwrap();
        assert_eq!(told.counted("kills"), 3);
        assert_eq!(told.problems(), ["a \"line\" and another"]);
        assert!(told.absorb("nonsense").is_err());
    }
}
