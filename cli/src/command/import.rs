//! `larder import`.

use clap::Args;
use larder::migrate::{JobOptions, Side, import, plan};

use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::hints::{Going, Job};
use crate::migrate::job::{self, PaceArgs, SelectArgs};
use crate::migrate::name::DumpName;
use crate::migrate::place::Place;
use crate::migrate::plan::{self as planned, Target, Telling};
use crate::migrate::progress::Shown;
use crate::migrate::report::{self, To};
use crate::migrate::write::{Misfitting, WriteArgs};
use crate::open::Make;
use crate::stores::{self, Stores};

const EXAMPLES: &str = "\
Examples:
  larder import data.larder lmdb:copy
  larder import data.larder file:logs --prefix logs/ --on-conflict skip
  larder import data.larder \"file:site?layout=raw\" --unfit strip --dry-run
  echo '{\"key\": \"user/10\", \"text\": \"Carla\"}' | larder import - lmdb:copy
  larder import data.larder lmdb:copy --on-conflict overwrite --yes --rate 10MiB/s";

/// Write the entries of a dump into a store
///
/// DUMP is what export wrote, in one part or several, in any form, or lines of JSON of your own: {"key": …, "text": …}
/// or "base64". The whole dump is checked and looked through before anything is written (what comes on the standard input:
/// while it is written), and each entry again. A store that is missing is made. Stopped by Ctrl-C or a kill, the same command
/// goes on where it was.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// The dump: PATH, - or STORE::KEY.
    dump: String,
    /// The store: a URL, a stack, or @NAME.
    store: String,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    write: WriteArgs,
    /// Take what there is of a dump that was not finished, or was cut.
    #[arg(long, help_heading = "How it is written", conflicts_with = "dry_run")]
    incomplete: bool,
}

impl Import {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        let name = DumpName::parse(&self.dump)?;
        if !self.write.dry_run {
            self.write.confirm(cx).await?;
        }
        let shown = Shown::new(cx, false);
        let job = job::options(cx, &self.select, &self.pace, !self.write.no_preflight, &shown);
        stores::with(cx, async |stores| {
            let place = Place::of(&name, stores, Make::Never).await?;
            place.must_be_there(cx).await?;
            let going = Going { job: Job::Write, resumes: true, streams: place.is_stream() };
            match self.write.dry_run {
                true => self.plan(cx, stores, &place, &job, going, shown).await,
                false => self.import(cx, stores, &place, job, going, shown).await,
            }
        })
        .await
    }

    async fn plan(
        &self,
        cx: &Cx,
        stores: &mut Stores<'_>,
        place: &Place,
        job: &JobOptions,
        going: Going,
        shown: Shown,
    ) -> Result {
        let target = Target::open(cx, stores, &self.store).await?;
        let done = plan(Side::Dump(place.to_read(cx)?), Some(&target.store), job).await;
        drop(shown);
        let refuses = self.write.unfit == Misfitting::Refuse;
        let telling = Telling { writes: true, is_there: target.is_there, refuses };
        planned::tell(cx, &job::ended(cx, going, done)?, telling)
    }

    async fn import(
        &self,
        cx: &Cx,
        stores: &mut Stores<'_>,
        place: &Place,
        job: JobOptions,
        going: Going,
        shown: Shown,
    ) -> Result {
        let dump = place.to_read(cx)?;
        let target = stores.open(&self.store, Make::IfMissing).await?;
        let options = self.write.options(job).with_incomplete(self.incomplete);
        let done = import(dump, target, &options).await;
        drop(shown);
        let told = job::ended(cx, going, done)?;
        if told.incomplete.is_some() && cx.cancel.signal().is_some() {
            // The signal also ended whoever fed us.
            return Err(Failure::Stopped(going.how_to_go_on().into()));
        }
        report::tell(cx, To::Output, &told, None)
    }
}
