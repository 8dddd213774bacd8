//! How much of a process's memory is resident.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::Outcome;

/// Anonymous resident memory of this process, in bytes: heap and stacks, not files that are mapped.
///
/// # Errors
/// The kernel does not say.
pub fn anonymous() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    Ok(kib.ok_or("the kernel does not say how much anonymous memory is resident")? * 1024)
}

/// A thread that looks at it over and over.
#[derive(Debug)]
pub struct Sampler {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<Outcome<(u64, u64)>>,
}

impl Sampler {
    /// It begins, and looks so often.
    pub fn begin(each: Duration) -> Sampler {
        let ends = Arc::new(AtomicBool::new(false));
        let told = ends.clone();
        let thread = std::thread::spawn(move || {
            let (mut most, mut samples) = (0, 0);
            loop {
                let last = told.load(Ordering::Acquire);
                most = most.max(anonymous()?);
                samples += 1;
                if last {
                    return Ok((most, samples));
                }
                std::thread::sleep(each);
            }
        });
        Sampler { ends, thread }
    }

    /// It ends, with a last look: the most that was seen, and how often it was looked.
    ///
    /// # Errors
    /// The kernel did not say.
    pub fn end(self) -> Outcome<(u64, u64)> {
        self.ends.store(true, Ordering::Release);
        self.thread.join().map_err(|_| "the sampler panicked")?
    }
}
