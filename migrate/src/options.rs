//! What can be asked of a job.

use std::time::Duration;

use larder_store_core::{Call, Env, Guarantees, Sharing, setters};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::dump::Encoding;
use crate::pace::Rate;
use crate::report::OnProgress;
use crate::select::Select;

/// How many values go out in a batch at the most, where the target takes batches.
const BATCH: usize = 1000;
/// Batches on their way at once at the most.
const BATCHES: usize = 4;

/// What every job can be asked for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct JobOptions {
    /// Which entries.
    pub select: Select,
    /// How many values are read or written at once; by default 64 for a store that others reach over a network, else 16.
    /// Where a target takes batches, it is how many of those are on their way: four at the most.
    pub width: Option<usize>,
    /// How many bytes of values may be under way, about (64 MiB by default). Half as much again may be names that the
    /// preflight saw.
    pub memory: u64,
    /// How fast.
    pub rate: Rate,
    /// Look through the source first: tells what the target cannot carry before anything is written, and how much there
    /// is (true by default). Without it the first such entry stops the job where it is met.
    pub preflight: bool,
    /// How often an import or copy writes into its target how far it has come (each second by default): what is done
    /// since then is looked at again by the run that goes on. An export has its checkpoints for that.
    pub remember: Duration,
    /// Who is told how far it has come.
    pub progress: Option<OnProgress>,
    /// The context: a job that is cancelled, or whose deadline passes, can be gone on with.
    pub call: Call,
    /// Clocks and the like.
    pub env: Env,
}

impl Default for JobOptions {
    fn default() -> JobOptions {
        JobOptions {
            select: Select::default(),
            width: None,
            memory: 64 << 20,
            rate: Rate::default(),
            preflight: true,
            remember: Duration::from_secs(1),
            progress: None,
            call: Call::default(),
            env: Env::system(),
        }
    }
}

setters!(JobOptions {
    /// Which entries.
    with_select: select = Select => select,
    /// How many values at once.
    with_width: width = usize => Some(width),
    /// How many bytes of values may be under way.
    with_memory: memory = u64 => memory,
    /// How fast.
    with_rate: rate = Rate => rate,
    /// Look through the source first.
    with_preflight: preflight = bool => preflight,
    /// How often it is written down how far it has come.
    with_remember: remember = Duration => remember,
    /// Who is told how far it has come.
    with_progress: progress = OnProgress => Some(progress),
    /// The context.
    with_call: call = Call => call,
});

impl JobOptions {
    /// The same job with a token of its own. It is cancelled when the guard is dropped, as whoever drops a job wants
    /// nothing more of it to happen.
    pub(crate) fn owned(&self) -> (JobOptions, DropGuard) {
        let token = self.call.cancel.as_ref().map_or_else(Default::default, CancellationToken::child_token);
        (self.clone().with_call(self.call.clone().with_cancel(token.clone())), token.drop_guard())
    }

    /// How many values go out in a batch to such a target, and how many batches are on their way at once.
    pub(crate) fn batches_for(&self, target: &Guarantees) -> (usize, usize) {
        match target.batches.put {
            Some(most) => (most.clamp(1, BATCH), self.width_for(target).min(BATCHES)),
            None => (1, self.width_for(target)),
        }
    }

    pub(crate) fn width_for(&self, guarantees: &Guarantees) -> usize {
        let usual = if guarantees.sharing == Sharing::Global { 64 } else { 16 };
        self.width.unwrap_or(usual).clamp(1, 4096)
    }
}

/// What to do where an interrupted run left something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Resume {
    /// Go on behind it if it is of the same job, else refuse.
    #[default]
    Auto,
    /// Throw away what it left, and begin anew.
    Restart,
}

/// What to do with an entry whose key the target has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnConflict {
    /// Stop, unless the target's has the same content.
    #[default]
    Fail,
    /// Leave the target's as it is.
    Skip,
    /// Replace it.
    Overwrite,
    /// Replace it if the source's was written later. Times are those that the stores tell, by their own clocks.
    Newer,
}

/// What to do with an entry that the target cannot carry as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Unfit {
    /// Refuse the whole job before anything is written.
    #[default]
    Refuse,
    /// Leave such entries out, and count them.
    LeaveOut,
    /// Write the value without the attributes or the expiry that the target cannot carry, and count them. What cannot be
    /// written even so is left out.
    Strip,
}

/// Options of [`export`](crate::export).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ExportOptions {
    /// What every job can be asked for.
    pub job: JobOptions,
    /// How the dump is written.
    pub encoding: Encoding,
    /// Begin a new part after about so many bytes, between two entries.
    pub split: Option<u64>,
    /// What to do where an interrupted run left something.
    pub resume: Resume,
    /// List the source a second time at the end, and fail unless nothing changed meanwhile. The dump says then that it
    /// is a snapshot.
    pub snapshot: bool,
    /// Replace a whole dump of that name.
    pub replace: bool,
    /// Leave out what is no entry (foreign files and objects in the store's place), and count it; else that is refused.
    pub leave_out_foreign: bool,
}

/// Options of [`import`](crate::import) and [`copy`](crate::copy).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct WriteOptions {
    /// What every job can be asked for.
    pub job: JobOptions,
    /// What to do with keys that the target has already.
    pub on_conflict: OnConflict,
    /// What to do with what the target cannot carry. [`Unfit::LeaveOut`] and [`Unfit::Strip`] leave out what is no entry in
    /// the source too.
    pub unfit: Unfit,
    /// What to do where an interrupted run left something.
    pub resume: Resume,
    /// Import a dump that has no trailer, as far as it goes.
    pub incomplete: bool,
}

setters!(ExportOptions {
    /// What every job can be asked for.
    with_job: job = JobOptions => job,
    /// How the dump is written.
    with_encoding: encoding = Encoding => encoding,
    /// Begin a new part after about so many bytes.
    with_split: split = u64 => Some(split),
    /// What to do where an interrupted run left something.
    with_resume: resume = Resume => resume,
    /// Prove that nothing changed meanwhile.
    with_snapshot: snapshot = bool => snapshot,
    /// Replace a whole dump of that name.
    with_replace: replace = bool => replace,
    /// Leave out what is no entry.
    with_leave_out_foreign: leave_out_foreign = bool => leave_out_foreign,
});

setters!(WriteOptions {
    /// What every job can be asked for.
    with_job: job = JobOptions => job,
    /// What to do with keys that the target has already.
    with_on_conflict: on_conflict = OnConflict => on_conflict,
    /// What to do with what the target cannot carry.
    with_unfit: unfit = Unfit => unfit,
    /// What to do where an interrupted run left something.
    with_resume: resume = Resume => resume,
    /// Import a dump that has no trailer.
    with_incomplete: incomplete = bool => incomplete,
});
