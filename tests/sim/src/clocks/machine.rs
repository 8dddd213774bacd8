//! The clocks of a machine that is suspended, and whose calendar is set.
//!
//! All processes of a machine have the same clocks. These are the real ones with offsets that stand in a file: whoever
//! plays the machine writes it, and its processes read it each time that they ask for the time.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use larder_store_core::Env;
use larder_store_core::env::{BoxFuture, Clock};
use rustix::time::{ClockId, clock_gettime};

use crate::Outcome;

/// Any day: the real calendar may be set while a campaign runs.
const DAY_ONE: Duration = Duration::from_secs(1_700_000_000);

/// How far clocks are from the real ones, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offsets {
    /// Of the monotonic clock, which only ever falls behind: it stands while the machine is suspended.
    pub monotonic: i64,
    /// Of the clock since boot, which goes on then, or does not know of it.
    pub boot: i64,
    /// Of the calendar, which anybody may set.
    pub wall: i64,
}

/// The machine, for who plays it.
#[derive(Debug)]
pub struct Machine {
    file: File,
    offsets: Offsets,
}

impl Machine {
    /// One whose clocks are right. Its file is new.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(path: &Path) -> Outcome<Machine> {
        let mut machine = Machine { file: File::create_new(path)?, offsets: Offsets::default() };
        machine.set(Offsets::default())?;
        Ok(machine)
    }

    /// How far its clocks are off.
    pub fn offsets(&self) -> Offsets {
        self.offsets
    }

    /// Sets them.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&mut self, offsets: Offsets) -> Outcome {
        self.offsets = offsets;
        let mut bytes = [0; 24];
        for (place, offset) in bytes.chunks_exact_mut(8).zip([offsets.monotonic, offsets.boot, offsets.wall])
        {
            place.copy_from_slice(&offset.to_le_bytes());
        }
        Ok(self.file.write_all_at(&bytes, 0)?)
    }
}

/// The clocks, for a process of the machine.
#[derive(Debug, Clone)]
pub struct MachineClock(Arc<File>);

impl MachineClock {
    /// Those of the machine whose file this is.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> Outcome<MachineClock> {
        Ok(MachineClock(Arc::new(File::open(path)?)))
    }

    /// The real environment with these clocks.
    pub fn env(&self) -> Env {
        Env::system().with_clock(Arc::new(self.clone()))
    }

    fn offset(&self, which: u64) -> i64 {
        let mut word = [0; 8];
        // A machine without its file has lost its clocks: no process of it goes on.
        self.0.read_exact_at(&mut word, which * 8).expect("the file of the clocks can be read");
        i64::from_le_bytes(word)
    }
}

/// Time since boot, by the real clock.
fn boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn moved(time: Duration, by: i64) -> Duration {
    let way = Duration::from_nanos(by.unsigned_abs());
    if by < 0 { time.saturating_sub(way) } else { time + way }
}

impl Clock for MachineClock {
    fn wall(&self) -> SystemTime {
        UNIX_EPOCH + moved(DAY_ONE + boot(), self.offset(2))
    }

    fn boot(&self) -> Duration {
        moved(boot(), self.offset(1))
    }

    fn now(&self) -> Instant {
        let by = self.offset(0);
        let way = Duration::from_nanos(by.unsigned_abs());
        let now = Instant::now();
        if by < 0 { now.checked_sub(way).unwrap_or(now) } else { now + way }
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        Box::pin(async move {
            // The clock may have stood meanwhile.
            loop {
                let left = deadline.saturating_duration_since(clock.now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left).await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn each_clock_is_moved_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clocks");
        let mut machine = Machine::begin(&path).unwrap();
        let env = MachineClock::open(&path).unwrap().env();
        let (now, boot, wall) = (env.now(), env.boot(), env.wall());
        assert!(env.boot() >= boot && env.wall() >= wall && env.now() >= now);
        machine.set(Offsets { monotonic: -SECOND, boot: 0, wall: 3600 * SECOND }).unwrap();
        assert!(env.now() < now && env.boot() >= boot);
        assert!(env.wall() > wall + Duration::from_secs(3500));
        machine.set(Offsets { monotonic: -SECOND, boot: -SECOND, wall: -3600 * SECOND }).unwrap();
        assert!(env.boot() < boot && env.wall() < wall);
        assert_eq!(machine.offsets().boot, -SECOND);
    }
}
