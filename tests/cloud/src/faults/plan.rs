//! Which faults, how often, and to whom.

use std::time::Duration;

use super::{Drawn, Kind};

/// Of all requests, this share may meet a fault: beyond it the rates shrink together, so that something still works.
const MOST: f64 = 0.9;

/// Faults with their rates, drawn from a seed. The draws of a plan are the same for the same seed and the same order
/// of requests.
#[derive(Debug, Clone)]
pub struct FaultPlan<F> {
    pub(super) rules: Vec<Rule<F>>,
    state: u64,
    delay: Option<Duration>,
}

#[derive(Debug, Clone)]
pub(super) struct Rule<F> {
    pub(super) fault: F,
    rate: f64,
    only: Option<Vec<String>>,
}

impl<F: Kind> Rule<F> {
    pub(super) fn concerns(&self, operation: &str, conditional: bool) -> bool {
        let wanted = self.only.as_ref().is_none_or(|only| only.iter().any(|one| one == operation));
        wanted && self.rate > 0.0 && self.fault.concerns(operation, conditional)
    }
}

impl<F> Default for FaultPlan<F> {
    fn default() -> Self {
        Self { rules: Vec::new(), state: 0, delay: None }
    }
}

impl<F: Kind> FaultPlan<F> {
    /// A plan without faults.
    pub fn new(seed: u64) -> Self {
        Self { rules: Vec::new(), state: seed, delay: None }
    }

    /// Adds a fault, at a rate of 0 to 1 of the requests that it can be done to.
    #[must_use]
    pub fn with(mut self, fault: F, rate: f64) -> Self {
        self.rules.push(Rule { fault, rate, only: None });
        self
    }

    /// Adds a fault for some operations (`GetObject`).
    #[must_use]
    pub fn only(mut self, fault: F, rate: f64, operations: &[&str]) -> Self {
        let only = operations.iter().map(|&one| one.to_owned()).collect();
        self.rules.push(Rule { fault, rate, only: Some(only) });
        self
    }

    /// How long a slow body takes as a whole, and how late a late effect comes. 300 ms if it is not said.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    pub(super) fn draw(&mut self, operation: &str, conditional: bool) -> Option<Drawn<F>> {
        // Always two numbers, so that a draw does not depend on what was drawn before it.
        let (chance, dice) = (self.next(), self.next());
        let mut left = (chance >> 11) as f64 / (1_u64 << 53) as f64;
        let delay = self.delay.unwrap_or(Duration::from_millis(300));
        let concerned = || self.rules.iter().filter(|rule| rule.concerns(operation, conditional));
        let total: f64 = concerned().map(|rule| rule.rate).sum();
        left *= (total / MOST).max(1.0);
        for rule in concerned() {
            if left < rule.rate {
                return Some(Drawn { fault: rule.fault, delay, dice });
            }
            left -= rule.rate;
        }
        None
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::super::When;
    use super::*;
    use crate::s3::Fault;

    fn shares(plan: &mut FaultPlan<Fault>, operation: &str) -> (f64, f64) {
        let (mut first, mut any) = (0, 0);
        for _ in 0..100_000 {
            let drawn = plan.draw(operation, false);
            any += u32::from(drawn.is_some());
            first += u32::from(drawn.is_some_and(|drawn| drawn.fault == Fault::Reset(When::Before)));
        }
        (f64::from(first) / 1e5, f64::from(any) / 1e5)
    }

    #[test]
    fn rates_are_kept() {
        let mut plan =
            FaultPlan::new(7).with(Fault::Reset(When::Before), 0.05).with(Fault::ExpiredToken, 0.1);
        let (first, any) = shares(&mut plan, "GetObject");
        assert!((first - 0.05).abs() < 0.005 && (any - 0.15).abs() < 0.01, "{first} {any}");
        let mut plan = FaultPlan::new(7).only(Fault::Reset(When::Before), 1.0, &["PutObject"]);
        assert_eq!(shares(&mut plan, "GetObject"), (0.0, 0.0));
        let (first, any) = shares(&mut plan, "PutObject");
        assert!((any - MOST).abs() < 0.01 && first == any, "{first} {any}");
    }
}
