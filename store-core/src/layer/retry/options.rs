//! How often, how long and how much is sent again.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Op, Result};

/// How often something is sent again, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RetryOptions {
    /// Attempts of one call in all, the first included (10).
    pub attempts: u32,
    /// The longest first pause (50 ms). A pause is drawn between nothing and a bound that doubles with each attempt.
    pub first_pause: Duration,
    /// The bound of all pauses (5 s). Only a service that names a longer one itself is waited for longer.
    pub longest_pause: Duration,
    /// For all attempts together: none begins later than this after the first one (60 s). An attempt that is under way
    /// is not cut: that is what deadlines are for. For a stream or a listing it holds for each break.
    pub patience: Option<Duration>,
    /// What all calls of a layer share.
    pub budget: RetryBudget,
}

/// How much may be sent again by all calls together, so that retries do not keep a service down that is down.
///
/// A bucket of tokens: each first attempt pays a share of one in, each retry takes one out.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RetryBudget {
    /// What a first attempt pays in (0.2: while a service is down, retries are a fifth of the load).
    pub share: f64,
    /// Retries that are free, at the beginning and after a while without any (10).
    pub reserve: u32,
    /// How many of the reserve come back in a second (10).
    pub per_second: u32,
    /// The most that is saved up (1,000), so that a good day does not pay for a storm.
    pub most: u32,
}

impl Default for RetryOptions {
    fn default() -> RetryOptions {
        RetryOptions {
            attempts: 10,
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(5),
            patience: Some(Duration::from_secs(60)),
            budget: RetryBudget::default(),
        }
    }
}

impl Default for RetryBudget {
    fn default() -> RetryBudget {
        RetryBudget { share: 0.2, reserve: 10, per_second: 10, most: 1_000 }
    }
}

impl RetryOptions {
    /// The default ones.
    pub fn new() -> RetryOptions {
        RetryOptions::default()
    }

    /// Attempts of one call in all, the first included.
    pub fn with_attempts(mut self, attempts: u32) -> RetryOptions {
        self.attempts = attempts;
        self
    }

    /// The longest first pause, and the bound of all.
    pub fn with_pauses(mut self, first: Duration, longest: Duration) -> RetryOptions {
        (self.first_pause, self.longest_pause) = (first, longest);
        self
    }

    /// For all attempts together; `None` for no end.
    pub fn with_patience(mut self, patience: Option<Duration>) -> RetryOptions {
        self.patience = patience;
        self
    }

    /// What all calls share.
    pub fn with_budget(mut self, budget: RetryBudget) -> RetryOptions {
        self.budget = budget;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let refuse = |why: &str| Err(Error::new(ErrorKind::Invalid, Op::Open, format!("retries: {why}")));
        if self.attempts == 0 {
            return refuse("0 attempts: one is a call without retries");
        }
        if self.first_pause > self.longest_pause {
            return refuse("the first pause is longer than the longest");
        }
        if !(self.budget.share.is_finite() && self.budget.share >= 0.0) {
            return refuse("the share of the budget is no number from 0 on");
        }
        if self.budget.most < self.budget.reserve {
            return refuse("the budget holds less than its reserve");
        }
        Ok(())
    }
}

impl RetryBudget {
    /// The default one.
    pub fn new() -> RetryBudget {
        RetryBudget::default()
    }

    /// One that is never spent, for tests.
    pub fn unlimited() -> RetryBudget {
        RetryBudget { share: 1e9, reserve: u32::MAX, per_second: u32::MAX, most: u32::MAX }
    }

    /// What a first attempt pays in.
    pub fn with_share(mut self, share: f64) -> RetryBudget {
        self.share = share;
        self
    }

    /// Retries that are free, and how many of them come back in a second.
    pub fn with_reserve(mut self, reserve: u32, per_second: u32) -> RetryBudget {
        (self.reserve, self.per_second) = (reserve, per_second);
        self
    }

    /// The most that is saved up.
    pub fn with_most(mut self, most: u32) -> RetryBudget {
        self.most = most;
        self
    }
}
