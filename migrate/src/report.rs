//! What a job tells while it runs, and when it has ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use larder_store_core::{Env, Key};
use serde::{Deserialize, Serialize};

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Phase {
    /// Looking through the source for what the target cannot carry.
    Preflight,
    /// Reading what an interrupted run left, to go on behind it.
    Resuming,
    /// Reading and writing entries.
    Moving,
    /// Comparing entries.
    Comparing,
}

/// How far a job has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Entries that are done in this phase.
    pub entries: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// How many entries there will be in this phase, where that is known: without what an earlier run did.
    pub of_entries: Option<u64>,
    /// How many bytes there will be, where that is known.
    pub of_bytes: Option<u64>,
    /// The last key that it came to.
    #[serde(serialize_with = "key_text")]
    pub key: Option<Key>,
}

fn key_text<S: serde::Serializer>(key: &Option<Key>, serializer: S) -> Result<S::Ok, S::Error> {
    key.as_ref().map(Key::as_str).serialize(serializer)
}

/// Who is told of progress: at most some ten times a second, from the job's own task. It must not block.
#[derive(Clone)]
pub struct OnProgress(Arc<dyn Fn(&Progress) + Send + Sync>);

impl OnProgress {
    /// Calls `tell`.
    pub fn new(tell: impl Fn(&Progress) + Send + Sync + 'static) -> OnProgress {
        OnProgress(Arc::new(tell))
    }
}

impl std::fmt::Debug for OnProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnProgress")
    }
}

/// Tells of progress, not too often.
#[derive(Debug)]
pub(crate) struct Teller {
    env: Env,
    tell: Option<OnProgress>,
    state: Mutex<(Progress, Option<Instant>)>,
}

const EVERY: Duration = Duration::from_millis(100);

impl Teller {
    pub(crate) fn new(env: &Env, tell: Option<OnProgress>) -> Teller {
        let progress = Progress {
            phase: Phase::Moving,
            entries: 0,
            bytes: 0,
            of_entries: None,
            of_bytes: None,
            key: None,
        };
        Teller { env: env.clone(), tell, state: Mutex::new((progress, None)) }
    }

    /// Begins a phase.
    pub(crate) fn phase(&self, phase: Phase, of_entries: Option<u64>, of_bytes: Option<u64>) {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        state.0 = Progress { phase, entries: 0, bytes: 0, of_entries, of_bytes, key: None };
        state.1 = None;
        self.say(&mut state);
    }

    /// Begins to move what there is, without what an earlier run did; none where bytes of that are not known.
    pub(crate) fn moving(&self, of: Option<(u64, u64)>, resumed: u64, resumed_bytes: Option<u64>) {
        let entries = of.map(|(entries, _)| entries.saturating_sub(resumed));
        let bytes = of.zip(resumed_bytes).map(|((_, bytes), done)| bytes.saturating_sub(done));
        self.phase(Phase::Moving, entries, bytes);
    }

    /// Counts entries that are done.
    pub(crate) fn add(&self, entries: u64, bytes: u64, key: Option<&Key>) {
        if self.tell.is_none() {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        state.0.entries += entries;
        state.0.bytes += bytes;
        if let Some(key) = key {
            state.0.key = Some(key.clone());
        }
        let now = self.env.now();
        if state.1.is_none_or(|last| now.duration_since(last) >= EVERY) {
            self.say(&mut state);
        }
    }

    /// Tells once more, whenever the last time was.
    pub(crate) fn end(&self) {
        self.say(&mut self.state.lock().unwrap_or_else(|e| e.into_inner()));
    }

    fn say(&self, state: &mut (Progress, Option<Instant>)) {
        if let Some(tell) = &self.tell {
            state.1 = Some(self.env.now());
            (tell.0)(&state.0);
        }
    }
}

/// What a job did, earlier runs of it that were interrupted included.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Entries that were written.
    pub written: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Entries that were there already with the same content.
    pub same: u64,
    /// Entries that were left as they are in the target, as [`OnConflict`](crate::OnConflict) says.
    pub skipped: u64,
    /// How many entries earlier, interrupted runs had seen to.
    pub resumed: u64,
    /// Entries that were listed and gone when they were read: deleted or expired meanwhile. (An export that went on knows
    /// its own only.)
    pub gone: u64,
    /// What was left out or stripped on request, by class.
    pub left_out: BTreeMap<String, u64>,
    /// Why a dump was imported only in part, if that was asked for and came to be.
    pub incomplete: Option<String>,
    /// Bytes of the dump that were written or read.
    pub dump_bytes: u64,
    /// How long it took.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// Whether the dump is one moment of its source: see [`Consistency`](crate::Consistency).
    pub snapshot: bool,
}

pub(crate) fn seconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(took.as_secs_f64())
}

/// What a part of a job did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) written: u64,
    pub(crate) bytes: u64,
    pub(crate) same: u64,
    pub(crate) skipped: u64,
    pub(crate) gone: u64,
    pub(crate) left_out: BTreeMap<String, u64>,
}

impl Counts {
    /// One entry that was written.
    pub(crate) fn written(bytes: u64) -> Counts {
        Counts { written: 1, bytes, ..Counts::default() }
    }

    /// One entry that was there.
    pub(crate) fn same() -> Counts {
        Counts { same: 1, ..Counts::default() }
    }

    /// One entry of which the target's was left.
    pub(crate) fn skipped() -> Counts {
        Counts { skipped: 1, ..Counts::default() }
    }

    /// One entry that went away.
    pub(crate) fn gone() -> Counts {
        Counts { gone: 1, ..Counts::default() }
    }

    /// Something of this class that was left out.
    pub(crate) fn left_out(class: &str) -> Counts {
        let mut counts = Counts::default();
        counts.leave_out(class);
        counts
    }

    pub(crate) fn leave_out(&mut self, class: &str) {
        *self.left_out.entry(class.to_owned()).or_default() += 1;
    }

    pub(crate) fn add(&mut self, part: &Counts) {
        self.written += part.written;
        self.bytes += part.bytes;
        self.same += part.same;
        self.skipped += part.skipped;
        self.gone += part.gone;
        for (class, n) in &part.left_out {
            *self.left_out.entry(class.clone()).or_default() += n;
        }
    }

    /// Entries that were seen to.
    pub(crate) fn seen(&self) -> u64 {
        self.written + self.same + self.skipped + self.gone
    }
}

impl Report {
    pub(crate) fn take(&mut self, counts: Counts) {
        let Counts { written, bytes, same, skipped, gone, left_out } = counts;
        (self.written, self.bytes, self.same, self.skipped) = (written, bytes, same, skipped);
        (self.gone, self.left_out) = (gone, left_out);
    }
}
