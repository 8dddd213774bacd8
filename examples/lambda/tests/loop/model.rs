//! What the keys may hold.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Answer;

/// Keys in play.
const KEYS: u64 = 7;

/// An event that was drawn.
pub(crate) enum Event {
    Get(String),
    Add(String),
}

impl Event {
    pub(crate) fn text(&self) -> String {
        match self {
            Event::Get(key) => format!(r#"{{"op": "get", "key": "{key}"}}"#),
            Event::Add(key) => format!(r#"{{"op": "add", "key": "{key}"}}"#),
        }
    }
}

/// For each key the values that it may have: more than one after an invocation that was killed.
pub(crate) struct Model {
    may: BTreeMap<String, BTreeSet<u64>>,
    state: u64,
}

impl Model {
    pub(crate) fn new() -> Model {
        let seed = std::env::var("LARDER_SEED").map_or_else(
            |_| u64::from(std::process::id()) ^ 0x9e37_79b9_7f4a_7c15,
            |text| text.parse().expect("LARDER_SEED is a number"),
        );
        println!("LARDER_SEED={seed}");
        Model { may: BTreeMap::new(), state: seed | 1 }
    }

    /// A number below `end` (xorshift64*, Vigna 2016).
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % end
    }

    pub(crate) fn draw(&mut self) -> Event {
        let key = format!("counter/{}", self.below(KEYS));
        match self.below(10) {
            0..6 => Event::Get(key),
            _ => Event::Add(key),
        }
    }

    /// Checks an answer, and says whether a cache gave it.
    pub(crate) fn judge(&mut self, event: &Event, answer: Option<Answer>) -> bool {
        match event {
            Event::Get(key) => {
                let Some(answer) = answer else { return false };
                let answer = answer.unwrap_or_else(|error| panic!("get {key}: {error}"));
                let may = self.may.entry(key.clone()).or_insert_with(|| BTreeSet::from([0]));
                let value = number(&answer);
                assert!(may.contains(&value), "get {key} gave {value}, and it may be {may:?}: {answer}");
                !answer.contains("\"tier\":2") && answer.contains("\"tier\"")
            }
            Event::Add(key) => {
                let may = self.may.entry(key.clone()).or_insert_with(|| BTreeSet::from([0]));
                match answer {
                    // Killed: it was made, or not, or will be.
                    None => {
                        let made: Vec<_> = may.iter().map(|value| value + 1).collect();
                        may.extend(made);
                    }
                    Some(answer) => {
                        let answer = answer.unwrap_or_else(|error| panic!("add {key}: {error}"));
                        let value = number(&answer);
                        let right = value > 0 && may.contains(&(value - 1));
                        assert!(right, "add {key} gave {value}, and it was {may:?}: {answer}");
                        // Whatever was still under way named another version, and cannot land any more.
                        *may = BTreeSet::from([value]);
                    }
                }
                false
            }
        }
    }
}

/// The number in an answer; an absent key counts as 0.
fn number(answer: &str) -> u64 {
    match answer.split_once("\"value\":\"") {
        Some((_, rest)) => rest.split('"').next().unwrap_or_default().parse().expect("a number"),
        None => 0,
    }
}
