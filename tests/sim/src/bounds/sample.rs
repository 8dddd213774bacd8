//! What the caches take, looked at all the time.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::tiers::FENCE;
use crate::{Outcome, resident};

/// How often.
const EACH: Duration = Duration::from_millis(20);
/// The table of last uses, which has a bound of its own.
const RECENCY: &str = "larder.recency";

/// The most that was seen, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Most {
    pub(super) samples: u64,
    /// Blocks of the cache's files, without the fence and the table of last uses.
    pub(super) blocks: u64,
    /// Blocks of the table of last uses.
    pub(super) recency: u64,
    /// Anonymous resident memory of this process.
    pub(super) anonymous: u64,
}

/// A thread that looks.
#[derive(Debug)]
pub(super) struct Sampler {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<Outcome<Most>>,
}

impl Sampler {
    /// It begins.
    pub(super) fn begin(cache: PathBuf) -> Sampler {
        let ends = Arc::new(AtomicBool::new(false));
        let told = ends.clone();
        let thread = std::thread::spawn(move || {
            let mut most = Most::default();
            loop {
                let last = told.load(Ordering::Acquire);
                most.look(&cache)?;
                if last {
                    return Ok(most);
                }
                std::thread::sleep(EACH);
            }
        });
        Sampler { ends, thread }
    }

    /// It ends, with a last look.
    pub(super) fn end(self) -> Outcome<Most> {
        self.ends.store(true, Ordering::Release);
        self.thread.join().map_err(|_| "the sampler panicked")?
    }
}

impl Most {
    fn look(&mut self, cache: &Path) -> Outcome {
        let (mut blocks, mut recency) = (0, 0);
        for entry in std::fs::read_dir(cache)? {
            let entry = entry?;
            // It may be gone by now.
            let Ok(meta) = entry.metadata() else { continue };
            match entry.file_name().to_str() {
                Some(FENCE) => {}
                Some(RECENCY) => recency += meta.blocks() * 512,
                _ => blocks += meta.blocks() * 512,
            }
        }
        self.samples += 1;
        self.blocks = self.blocks.max(blocks);
        self.recency = self.recency.max(recency);
        self.anonymous = self.anonymous.max(resident::anonymous()?);
        Ok(())
    }
}
