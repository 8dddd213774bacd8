//! Which harm, how often.

use std::time::Duration;

use super::harm::Harm;
use super::speech::Request;

/// Of all requests, this share may meet harm: beyond it the rates shrink together, so that something still works.
const MOST: f64 = 0.9;

/// Kinds of harm with their rates, drawn from a seed.
#[derive(Debug, Clone)]
pub struct Plan {
    rules: Vec<(Harm, f64)>,
    state: u64,
    delay: Duration,
}

/// What one request meets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawn {
    pub(super) harm: Harm,
    /// How long what is late takes.
    pub(super) delay: Duration,
    /// For how long nobody is taken.
    pub(super) away: Duration,
    /// A number for what is left to chance in it.
    pub(super) dice: u64,
}

impl Plan {
    /// A plan without harm.
    pub fn new(seed: u64) -> Self {
        Self { rules: Vec::new(), state: seed, delay: Duration::from_millis(100) }
    }

    /// Adds a kind, at a rate of 0 to 1 of the requests that it can be done to.
    #[must_use]
    pub fn with(mut self, harm: Harm, rate: f64) -> Self {
        self.rules.push((harm, rate));
        self
    }

    /// How late a late effect is. 100 ms if it is not said. For a fifth of it connections are refused.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub(super) fn draw(&mut self, request: &Request) -> Option<Drawn> {
        // Always two numbers, so that a draw does not depend on what was drawn before it.
        let (chance, dice) = (self.next(), self.next());
        let concerned = || self.rules.iter().filter(|(harm, _)| request.can_meet(*harm));
        let total: f64 = concerned().map(|(_, rate)| rate).sum();
        let mut left = (chance >> 11) as f64 / (1_u64 << 53) as f64 * (total / MOST).max(1.0);
        for &(harm, rate) in concerned() {
            if left < rate {
                return Some(Drawn { harm, delay: self.delay, away: self.delay / 5, dice });
            }
            left -= rate;
        }
        None
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
