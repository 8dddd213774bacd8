//! What is spent: time, or processor time.

use std::future::Future;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::error::Result;

/// What is told by a side as its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    Wall,
    /// Processor time of all threads of this process, in the system too.
    Cpu,
}

impl Clock {
    pub(super) fn now(self) -> Duration {
        let now = clock_gettime(match self {
            Clock::Wall => ClockId::Monotonic,
            Clock::Cpu => ClockId::ProcessCPUTime,
        });
        Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
    }
}

/// What work on workers of the runtime costs, all of it at once.
pub(super) fn timed(
    runtime: &Runtime,
    clock: Clock,
    work: Vec<impl Future<Output = Result<()>> + Send + 'static>,
) -> Result<Duration> {
    runtime.block_on(runtime.spawn(async move {
        let begun = clock.now();
        let mut work = work.into_iter();
        let first = work.next();
        let mut beside: JoinSet<_> = work.collect();
        if let Some(first) = first {
            first.await?;
        }
        while let Some(done) = beside.join_next().await {
            done??;
        }
        Ok(clock.now() - begun)
    }))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;

    #[test]
    fn sleep_is_time_and_no_processor_time() {
        let runtime = Context::runtime().unwrap();
        let sleeps = || async {
            tokio::time::sleep(Duration::from_millis(60)).await;
            Ok(())
        };
        assert!(timed(&runtime, Clock::Wall, vec![sleeps()]).unwrap() >= Duration::from_millis(60));
        // Other tests may run in this process at the same time, and come to an end before this one gives up.
        let quiet = (0..1000).any(|_| {
            timed(&runtime, Clock::Cpu, vec![sleeps(), sleeps()]).unwrap() < Duration::from_millis(20)
        });
        assert!(quiet);
        let work = async {
            let begun = Clock::Cpu.now();
            while Clock::Cpu.now() - begun < Duration::from_millis(20) {
                std::hint::spin_loop();
            }
            Ok(())
        };
        assert!(timed(&runtime, Clock::Cpu, vec![work]).unwrap() >= Duration::from_millis(20));
    }
}
