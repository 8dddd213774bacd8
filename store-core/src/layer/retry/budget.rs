//! The tokens that all calls of a layer share.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::options::RetryBudget;

#[derive(Debug)]
pub(super) struct Budget {
    options: RetryBudget,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    /// When the reserve was looked at last.
    at: Instant,
}

impl Budget {
    pub(super) fn new(options: RetryBudget, now: Instant) -> Budget {
        let state = State { tokens: f64::from(options.reserve), at: now };
        Budget { options, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pays in for so many first attempts.
    pub(super) fn pay(&self, requests: usize) {
        let mut state = self.state();
        let paid = state.tokens + self.options.share * requests as f64;
        state.tokens = paid.min(f64::from(self.options.most));
    }

    /// Takes a token for each of so many retries, or for as many as there are; gives their number.
    pub(super) fn take(&self, now: Instant, requests: usize) -> usize {
        let mut state = self.state();
        let passed = now.saturating_duration_since(state.at).as_secs_f64();
        state.at = state.at.max(now);
        // Time fills up the reserve and no more: what lies above it was paid in.
        let reserve = f64::from(self.options.reserve);
        if state.tokens < reserve {
            state.tokens = (state.tokens + passed * f64::from(self.options.per_second)).min(reserve);
        }
        // A sum of fifths falls a little short of a whole.
        let taken = requests.min((state.tokens + 1e-6) as usize);
        state.tokens -= taken as f64;
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Env;

    #[test]
    fn a_reserve_that_time_fills_up_and_first_attempts_pay_for_more() {
        let start = Env::system().now();
        let budget = Budget::new(RetryBudget::new().with_most(20), start);
        assert_eq!(budget.take(start, 7), 7);
        assert_eq!(budget.take(start, 7), 3);
        assert_eq!(budget.take(start, 1), 0);
        // Five first attempts are one retry.
        for _ in 0..5 {
            assert_eq!(budget.take(start, 1), 0);
            budget.pay(1);
        }
        assert_eq!(budget.take(start, 2), 1);
        // Ten a second, and never more than the reserve.
        assert_eq!(budget.take(start + Duration::from_millis(300), 9), 3);
        assert_eq!(budget.take(start + Duration::from_secs(60), 90), 10);
        // A clock that goes back gives nothing and takes nothing.
        assert_eq!(budget.take(start, 1), 0);
        assert_eq!(budget.take(start + Duration::from_secs(60), 1), 0);
        // What is paid in lies above the reserve, and has its own bound.
        budget.pay(1_000);
        assert_eq!(budget.take(start + Duration::from_secs(90), 90), 20);
    }

    #[test]
    fn while_a_service_is_down_retries_are_a_fifth_of_the_load() {
        let start = Env::system().now();
        let budget = Budget::new(RetryBudget::new(), start);
        let mut retries = 0;
        for call in 0..10_000u64 {
            budget.pay(1);
            // A thousand calls a second, each of which would like nine retries.
            retries += budget.take(start + Duration::from_millis(call), 9);
        }
        // The reserve comes back only where it is not topped by what is paid in.
        assert!((2_000..=2_120).contains(&retries), "{retries} retries for 10,000 first attempts");
    }
}
