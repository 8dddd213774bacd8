//! A seeded random walk against a model: every operation, any options, any order.

mod model;
mod step;

use std::time::Duration;

use tokio::task::JoinSet;

use crate::conformance::case::{Case, Held, Stop, T, cases, fail};
use crate::conformance::rng::Rng;

pub(super) const CASES: &[Case] = cases![
    "walk.model": walk = "thousands of random operations, each answered as a simple model answers",
];

/// Walkers at once, each among keys of its own.
const WALKERS: usize = 4;
/// Steps between two moves of the clock.
const STRETCH: usize = 60;
/// Expiry comes in multiples of this, and the clock moves by halves of it, so that no real second decides.
const TICK: Duration = Duration::from_secs(4_000);

async fn walk(t: &T) -> Held {
    let mut walkers: Vec<model::Walker> =
        (0..WALKERS).map(|i| model::Walker::new(t, i, Rng::named(t.seed, &format!("walk/{i}")))).collect();
    let mut rng = t.rng();
    let mut left = t.options.steps;
    while left > 0 {
        let steps = STRETCH.min(left.div_ceil(WALKERS));
        left = left.saturating_sub(steps * WALKERS);
        let mut tasks = JoinSet::new();
        for mut walker in walkers.drain(..) {
            tasks.spawn(async move {
                walker.go(steps).await?;
                Ok::<_, Stop>(walker)
            });
        }
        while let Some(done) = tasks.join_next().await {
            walkers.push(done.map_err(|e| fail(format_args!("a walker: {e}")))??);
        }
        if t.clock().is_some() && t.g.expiry && rng.one_in(2) {
            // Odd halves: a time that was a whole number of ticks away is half a tick off from now on.
            t.pass(TICK / 2 * (1 + 2 * rng.below(2) as u32)).await;
        }
    }
    for walker in &mut walkers {
        walker.go(0).await?;
    }
    Ok(())
}
