//! How long the task of all who ask could not go on, for want of a processor.
//!
//! A deadline is told by a timer and by whoever is woken by it. Where other processes have the processors, that is late, and no
//! store can help it: what the task was ready for and did not get to, less what it used the processor for itself, is not counted
//! against a call.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::round::held;

/// How often it is looked.
const BEAT: Duration = Duration::from_millis(10);

/// What was lost when, as far as calls that are under way may have to know.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<State>);

#[derive(Debug)]
struct State {
    beat: Instant,
    used: Duration,
    /// When a beat was late, and by how much that was not the task's own work.
    lost: Vec<(Instant, Duration)>,
}

/// Processor time of this thread.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

impl Pulse {
    pub(super) fn new() -> Pulse {
        Pulse(Mutex::new(State { beat: Instant::now(), used: used(), lost: Vec::new() }))
    }

    /// Beats until it is dropped, in the task that it tells of.
    pub(super) async fn beat(&self) {
        loop {
            tokio::time::sleep(BEAT).await;
            self.look();
        }
    }

    fn look(&self) {
        let (now, used) = (Instant::now(), used());
        let mut state = held(&self.0);
        let late = now.duration_since(state.beat).saturating_sub(BEAT);
        let lost = late.saturating_sub(used.saturating_sub(state.used));
        (state.beat, state.used) = (now, used);
        if lost > BEAT {
            state.lost.push((now, lost));
        }
    }

    /// What was lost since then.
    pub(super) fn lost_since(&self, since: Instant) -> Duration {
        self.look();
        held(&self.0).lost.iter().rev().take_while(|(at, _)| *at > since).map(|(_, lost)| *lost).sum()
    }
}
