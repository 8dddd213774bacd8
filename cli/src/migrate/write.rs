//! What import and copy can be asked for.

use clap::{Args, ValueEnum};
use larder::migrate::{JobOptions, OnConflict, Resume, Unfit, WriteOptions};

use crate::cx::Cx;
use crate::error::Result;

/// How the target is written.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How it is written")]
pub(crate) struct WriteArgs {
    /// What to do with a key that the target has already. overwrite and newer replace values, and want --yes.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Conflict::Fail)]
    on_conflict: Conflict,
    /// What to do with an entry that the target cannot carry as it is.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Misfitting::Refuse)]
    pub(crate) unfit: Misfitting,
    /// Do not look through the source before anything is written. What cannot be carried then stops it where it is met.
    #[arg(long)]
    pub(crate) no_preflight: bool,
    /// Begin anew where an interrupted run could be gone on with.
    #[arg(long)]
    restart: bool,
    /// Show what there is, what it takes and what cannot be carried; write nothing, and make no store.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Ask nothing.
    #[arg(long, short)]
    yes: bool,
}

/// What to do with a key that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Conflict {
    /// Stop, unless the target's is the same.
    Fail,
    /// Leave the target's.
    Skip,
    /// Replace the target's.
    Overwrite,
    /// Replace the target's if the source's was written later.
    Newer,
}

/// What to do with what does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Misfitting {
    /// Refuse all before anything is written.
    Refuse,
    /// Leave such entries out, and count them.
    LeaveOut,
    /// Write them without the attributes or the expiry, and count them.
    Strip,
}

impl WriteArgs {
    /// Gets a yes if values of the target may be replaced.
    pub(crate) async fn confirm(&self, cx: &Cx) -> Result {
        let which = match self.on_conflict {
            Conflict::Fail | Conflict::Skip => return Ok(()),
            Conflict::Overwrite => "--on-conflict overwrite replaces what the target has under the same keys",
            Conflict::Newer => {
                "--on-conflict newer replaces what the target has under the same keys, where it is older"
            }
        };
        cx.confirm(self.yes, which).await
    }

    /// The library's options.
    pub(crate) fn options(&self, job: JobOptions) -> WriteOptions {
        WriteOptions::new()
            .with_job(job)
            .with_on_conflict(match self.on_conflict {
                Conflict::Fail => OnConflict::Fail,
                Conflict::Skip => OnConflict::Skip,
                Conflict::Overwrite => OnConflict::Overwrite,
                Conflict::Newer => OnConflict::Newer,
            })
            .with_unfit(match self.unfit {
                Misfitting::Refuse => Unfit::Refuse,
                Misfitting::LeaveOut => Unfit::LeaveOut,
                Misfitting::Strip => Unfit::Strip,
            })
            .with_resume(if self.restart { Resume::Restart } else { Resume::Auto })
    }
}
