//! `larder copy`.

use clap::Args;
use larder::migrate::{JobOptions, Side, copy, plan};

use crate::cx::Cx;
use crate::error::Result;
use crate::hints::{Going, Job};
use crate::migrate::job::{self, PaceArgs, SelectArgs};
use crate::migrate::plan::{self as planned, Target, Telling};
use crate::migrate::progress::Shown;
use crate::migrate::report::{self, To};
use crate::migrate::write::{Misfitting, WriteArgs};
use crate::open::Make;
use crate::stores::{self, Stores};

const EXAMPLES: &str = "\
Examples:
  larder copy file:data lmdb:copy
  larder copy file:data lmdb:copy --on-conflict newer --yes
  larder copy \"file:site?layout=raw\" lmdb:copy --glob '**/*.html'
  larder copy file:data \"file:plain?layout=raw\" --dry-run --unfit strip";

const GOING: Going = Going { job: Job::Write, resumes: true, streams: false };

/// Write the entries of a store into another
///
/// Keys, values, attributes and expiry go; what the target cannot carry is refused before anything is written, unless --unfit
/// says otherwise. A store that is missing is made. Stopped by Ctrl-C or a kill, the same command goes on where it was.
/// `larder verify FROM TO` proves afterwards that all arrived.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Copy {
    /// The store that is read: a URL, a stack, or @NAME.
    from: String,
    /// The store that is written.
    to: String,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    write: WriteArgs,
}

impl Copy {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        if !self.write.dry_run {
            self.write.confirm(cx).await?;
        }
        let shown = Shown::new(cx, false);
        let job = job::options(cx, &self.select, &self.pace, !self.write.no_preflight, &shown);
        stores::with(cx, async |stores| match self.write.dry_run {
            true => self.plan(cx, stores, &job, shown).await,
            false => self.copy(cx, stores, job, shown).await,
        })
        .await
    }

    async fn plan(&self, cx: &Cx, stores: &mut Stores<'_>, job: &JobOptions, shown: Shown) -> Result {
        let source = stores.open(&self.from, Make::Never).await?;
        let target = Target::open(cx, stores, &self.to).await?;
        let done = plan(Side::Store(source), Some(&target.store), job).await;
        drop(shown);
        let refuses = self.write.unfit == Misfitting::Refuse;
        let telling = Telling { writes: true, is_there: target.is_there, refuses };
        planned::tell(cx, &job::ended(cx, GOING, done)?, telling)
    }

    async fn copy(&self, cx: &Cx, stores: &mut Stores<'_>, job: JobOptions, shown: Shown) -> Result {
        let source = stores.open(&self.from, Make::Never).await?;
        let target = stores.open(&self.to, Make::IfMissing).await?;
        let done = copy(source, target, &self.write.options(job)).await;
        drop(shown);
        report::tell(cx, To::Output, &job::ended(cx, GOING, done)?, None)
    }
}
