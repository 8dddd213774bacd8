//! Rules together: their seed, their switch, and what they did.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use super::rule::{Effect, Fault, When};
use crate::error::{Error, Op, Result};
use crate::key::Key;

/// Rules, their seed and what they did so far. A clone is the same plan, for the test to hold on to.
#[derive(Clone)]
pub struct Faults(Arc<Plan>);

struct Plan {
    seed: u64,
    on: AtomicBool,
    rules: Vec<Rule>,
    /// What gets that did not wait have drawn, and only ones that wait can carry out.
    owed: Mutex<HashMap<Key, Vec<Armed>>>,
}

struct Rule {
    fault: Fault,
    /// Calls that it looked at.
    calls: AtomicU64,
    struck: AtomicU64,
    /// For each of its operations: calls looked at, and struck.
    cells: Vec<(AtomicU64, AtomicU64)>,
}

/// What happened to one kind of fault on one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cell {
    /// The operation.
    pub op: Op,
    /// The side of the effect.
    pub when: When,
    /// What the fault does.
    pub effect: Effect,
    /// Calls that its rules looked at.
    pub asked: u64,
    /// Calls that were struck.
    pub struck: u64,
}

impl Faults {
    /// A plan of these rules, switched on. The same seed and the same calls in the same order meet the same faults.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a rule that could never strike, or not as it says.
    pub fn new(seed: u64, rules: impl IntoIterator<Item = Fault>) -> Result<Faults> {
        let rule = |fault: Fault| {
            fault.check()?;
            let cells = fault.ops.iter().map(|_| Default::default()).collect();
            Ok(Rule { fault, calls: AtomicU64::new(0), struck: AtomicU64::new(0), cells })
        };
        let rules = rules.into_iter().map(rule).collect::<Result<_>>()?;
        Ok(Faults(Arc::new(Plan { seed, on: AtomicBool::new(true), rules, owed: Mutex::default() })))
    }

    /// Lets calls be struck again.
    pub fn enable(&self) {
        self.0.on.store(true, SeqCst);
    }

    /// Lets all calls through, without counting them. Calls that hang already go on hanging.
    pub fn disable(&self) {
        self.0.on.store(false, SeqCst);
    }

    /// Whether calls are struck.
    pub fn is_enabled(&self) -> bool {
        self.0.on.load(SeqCst)
    }

    /// What each kind of fault did on each operation: one cell for each that the rules name.
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells: Vec<Cell> = Vec::new();
        for rule in &self.0.rules {
            for (op, (asked, struck)) in rule.fault.ops.iter().zip(&rule.cells) {
                let (when, effect) = (rule.fault.when, rule.fault.effect(*op));
                let (asked, struck) = (asked.load(SeqCst), struck.load(SeqCst));
                match cells.iter_mut().find(|c| (c.op, c.when, c.effect) == (*op, when, effect)) {
                    Some(cell) => {
                        cell.asked += asked;
                        cell.struck += struck;
                    }
                    None => cells.push(Cell { op: *op, when, effect, asked, struck }),
                }
            }
        }
        cells
    }

    /// The cells in which nothing was struck: a run that was to show something about them shows nothing.
    pub fn zero_cells(&self) -> Vec<Cell> {
        self.cells().into_iter().filter(|cell| cell.struck == 0).collect()
    }

    /// How many calls were struck in all.
    pub fn struck(&self) -> u64 {
        self.0.rules.iter().map(|rule| rule.struck.load(SeqCst)).sum()
    }

    /// Draws the fate of one call on `names` (keys, or the prefix of a listing).
    pub(super) fn arm<'k>(&self, op: Op, names: impl Iterator<Item = &'k str> + Clone) -> Armed {
        let mut armed = Armed::default();
        if !self.is_enabled() {
            return armed;
        }
        for (number, rule) in self.0.rules.iter().enumerate() {
            if !rule.fault.looks_at(op, names.clone()) {
                continue;
            }
            let n = rule.calls.fetch_add(1, SeqCst) + 1;
            rule.cell(op).0.fetch_add(1, SeqCst);
            if rule.fault.strikes(n, draw(self.0.seed, number as u64, n)) {
                armed.0.push(number);
            }
        }
        armed
    }

    /// The rules that strike on one side of the effect, with what they do; cuts apart.
    pub(super) fn on<'f>(
        &'f self,
        armed: &'f Armed,
        op: Op,
        when: When,
    ) -> impl Iterator<Item = (Strike<'f>, Effect)> {
        let rules = armed.0.iter().map(|number| &self.0.rules[*number]).filter(move |r| r.fault.when == when);
        rules
            .map(move |rule| (Strike { rule, op }, rule.fault.effect(op)))
            .filter(|(_, effect)| !matches!(effect, Effect::Cut { .. }))
    }

    /// The first cut among the rules that strike.
    pub(super) fn cut(&self, armed: &Armed, op: Op) -> Option<Cut> {
        armed.0.iter().find_map(|number| match self.0.rules[*number].fault.effect(op) {
            Effect::Cut { at, .. } => Some(Cut { faults: self.clone(), number: *number, op, at }),
            _ => None,
        })
    }

    /// Keeps what was drawn for the get that will follow.
    pub(super) fn owe(&self, key: &Key, armed: Armed) {
        let mut owed = self.0.owed.lock().unwrap_or_else(PoisonError::into_inner);
        owed.entry(key.clone()).or_default().push(armed);
    }

    /// What an earlier try of the same get has drawn.
    pub(super) fn owed(&self, key: &Key) -> Option<Armed> {
        let mut owed = self.0.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = owed.get_mut(key)?;
        let armed = waiting.pop();
        if waiting.is_empty() {
            owed.remove(key);
        }
        armed
    }
}

/// The rules that strike one call, by number.
#[derive(Default)]
pub(super) struct Armed(Vec<usize>);

impl Armed {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One rule about to strike one call.
pub(super) struct Strike<'f> {
    rule: &'f Rule,
    op: Op,
}

impl Strike<'_> {
    /// Counts the strike; `false` if the rule may strike no more.
    pub(super) fn claim(&self) -> bool {
        let below = |struck| (struck < self.rule.fault.times).then_some(struck + 1);
        let claimed = self.rule.struck.fetch_update(SeqCst, SeqCst, below).is_ok();
        if claimed {
            self.rule.cell(self.op).1.fetch_add(1, SeqCst);
        }
        claimed
    }

    /// Whether its error stands in for this answer: a success or a conflict, nothing else having had an effect.
    pub(super) fn loses<T>(answer: &Result<T>) -> bool {
        answer.as_ref().err().is_none_or(|e| e.is(crate::ErrorKind::Conflict))
    }

    pub(super) fn error(&self, kind: crate::ErrorKind, key: Option<&Key>) -> Error {
        self.rule.fault.error(self.op, kind, key)
    }
}

/// A cut of a stream or listing that owns what it needs.
pub(super) struct Cut {
    faults: Faults,
    number: usize,
    op: Op,
    /// Bytes or items that go through.
    pub(super) at: u64,
}

impl Cut {
    /// The error, if the rule may still strike.
    pub(super) fn strike(&self, key: Option<&Key>) -> Option<Error> {
        let strike = Strike { rule: &self.faults.0.rules[self.number], op: self.op };
        match strike.rule.fault.effect(self.op) {
            Effect::Cut { kind, .. } if strike.claim() => Some(strike.error(kind, key)),
            _ => None,
        }
    }
}

impl Rule {
    /// Calls looked at and struck, of one of its operations.
    fn cell(&self, op: Op) -> &(AtomicU64, AtomicU64) {
        let at = self.fault.ops.iter().position(|o| *o == op);
        &self.cells[at.expect("a rule is asked about its own operations")]
    }
}

/// A number that depends on the seed, the rule and the call, and on nothing else (SplitMix64's finisher, twice).
fn draw(seed: u64, rule: u64, n: u64) -> u64 {
    let mix = |z: u64| {
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let golden = 0x9e37_79b9_7f4a_7c15_u64;
    mix(mix(seed.wrapping_add(golden.wrapping_mul(rule + 1))).wrapping_add(golden.wrapping_mul(n)))
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: Vec<_> = self.cells().iter().map(ToString::to_string).collect();
        f.debug_struct("Faults")
            .field("seed", &self.0.seed)
            .field("on", &self.is_enabled())
            .field("cells", &cells)
            .finish()
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: {} of {}", self.op, self.when, self.effect, self.struck, self.asked)
    }
}
