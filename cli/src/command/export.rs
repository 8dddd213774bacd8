//! `larder export`.

use clap::Args;
use larder::migrate::{Encoding, ExportOptions, JobOptions, Resume, Side, export, plan};

use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::hints::{Going, Job};
use crate::migrate::job::{self, PaceArgs, SelectArgs};
use crate::migrate::name::{DumpName, FORM};
use crate::migrate::place::{Place, There};
use crate::migrate::plan::{self as planned, Telling};
use crate::migrate::progress::Shown;
use crate::migrate::report::{self, To};
use crate::open::Make;
use crate::stores::{self, Stores};

const EXAMPLES: &str = "\
Examples:
  larder export file:data backup.larder
  larder export file:data logs.jsonl --json-lines --prefix logs/ --newer-than 30d
  larder -q export file:data - | larder import - lmdb:elsewhere
  larder export file:data lmdb:archive::data/today --split 64MiB
  larder export file:data data.larder --replace --yes --snapshot
  larder export file:data new.larder --dry-run";

/// How large parts are in a store, where nothing is said.
const PART: u64 = 256 << 20;

/// Write a store, or a part of it, into a dump
///
/// DUMP is a file, - for the standard output, or STORE::KEY for an object of a store. It is a CBOR sequence in zstd
/// frames, or lines of JSON; every entry has its digest, and all together have one. It holds keys, values, attributes and
/// expiry. Stopped by Ctrl-C or a kill, the same command goes on where it was (from the standard output and objects in
/// one part it begins anew). A file has .partial behind its name until it is whole.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Export {
    /// The store: a URL, a stack, or @NAME.
    store: String,
    /// The dump: PATH, - or STORE::KEY.
    dump: String,
    /// How hard to compress, from -7 (fast) to 22 (small).
    #[arg(long, value_name = "LEVEL", default_value_t = 3, allow_negative_numbers = true, value_parser = clap::value_parser!(i8).range(-7..=22), conflicts_with_all = ["plain", "json_lines"])]
    level: i8,
    /// Compress nothing: CBOR as it is.
    #[arg(long, conflicts_with = "json_lines")]
    plain: bool,
    /// Lines of JSON: larger, and legible.
    #[arg(long)]
    json_lines: bool,
    /// Begin a new part, NAME.0001 and so on, after about so many bytes; 0 for one part. By default one part, in a store
    /// parts of 256 MiB.
    #[arg(long, value_name = "SIZE", value_parser = job::size)]
    split: Option<u64>,
    /// List the store once more at the end, and fail if anything changed: the dump is one moment of it then.
    #[arg(long)]
    snapshot: bool,
    /// Replace a whole dump of that name; wants --yes if there is one.
    #[arg(long)]
    replace: bool,
    /// Leave out what is no entry, such as foreign files in the store's folder, and count it.
    #[arg(long)]
    leave_out_foreign: bool,
    /// Do not look through the store first: nothing tells then how much there will be.
    #[arg(long)]
    no_preflight: bool,
    /// Throw away what an interrupted export left, and begin anew.
    #[arg(long)]
    restart: bool,
    /// Show what there is and what it takes; write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Ask nothing.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    pace: PaceArgs,
}

impl Export {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        let name = DumpName::parse(&self.dump)?;
        let is_stream = name == DumpName::Stream;
        let shown = Shown::new(cx, is_stream && std::io::IsTerminal::is_terminal(&std::io::stdout()));
        let job = job::options(cx, &self.select, &self.pace, !self.no_preflight, &shown);
        stores::with(cx, async |stores| match self.dry_run {
            true => self.plan(cx, stores, &name, &job, shown).await,
            false => self.export(cx, stores, &name, job, shown).await,
        })
        .await
    }

    /// Refuses what an output, a pipe or a device cannot do.
    fn check_stream(&self, place: &Place) -> Result {
        let to_terminal =
            matches!(place, Place::Stream) && std::io::IsTerminal::is_terminal(&std::io::stdout());
        let what = match () {
            () if !place.is_stream() => return Ok(()),
            () if self.split.is_some_and(|split| split > 0) => "--split: an output has no parts",
            () if self.replace => "--replace: nothing is replaced in an output",
            () if self.restart => "--restart: nothing is left of an export to an output",
            () if to_terminal && !self.dry_run && !self.json_lines => {
                return Err(Failure::usage("a dump is not for a terminal").hint(format!("pipe it; {FORM}")));
            }
            () => return Ok(()),
        };
        Err(Failure::usage(what))
    }

    /// The size of parts, if there may be several.
    fn split(&self, name: &DumpName) -> Option<u64> {
        match (self.split, name) {
            (Some(0), _) => None,
            (None, DumpName::Object { .. }) => Some(PART),
            (split, _) => split,
        }
    }

    async fn plan(
        &self,
        cx: &Cx,
        stores: &mut Stores<'_>,
        name: &DumpName,
        job: &JobOptions,
        shown: Shown,
    ) -> Result {
        let source = stores.open(&self.store, Make::Never).await?;
        if let Ok(place) = Place::of(name, stores, Make::Never).await {
            self.check_stream(&place)?;
            // A pipe waits for whoever reads it when it is opened.
            if !place.is_stream() {
                let mut options = ExportOptions::new().with_job(job.clone());
                options.split = self.split(name);
                place.to_write()?.check_source(source.id(), &options)?;
            }
            if !self.replace && place.there(cx).await? != There::Nothing {
                cx.out.note(format!("{} is there already", place.shown()));
            }
        }
        let done = plan(Side::Store(source), None, job).await;
        drop(shown);
        let going = Going { job: Job::Export, resumes: false, streams: false };
        let telling = Telling { writes: false, is_there: false, refuses: !self.leave_out_foreign };
        planned::tell(cx, &job::ended(cx, going, done)?, telling)
    }

    async fn export(
        &self,
        cx: &Cx,
        stores: &mut Stores<'_>,
        name: &DumpName,
        job: JobOptions,
        shown: Shown,
    ) -> Result {
        let source = stores.open(&self.store, Make::Never).await?;
        let place = Place::of(name, stores, Make::IfMissing).await?;
        self.check_stream(&place)?;
        self.confirm(cx, &place).await?;
        let encoding = match (self.plain, self.json_lines) {
            (true, _) => Encoding::Plain,
            (_, true) => Encoding::JsonLines,
            _ => Encoding::Zstd(self.level.into()),
        };
        let mut options = ExportOptions::new()
            .with_job(job)
            .with_encoding(encoding)
            .with_resume(if self.restart { Resume::Restart } else { Resume::Auto })
            .with_snapshot(self.snapshot)
            .with_replace(self.replace)
            .with_leave_out_foreign(self.leave_out_foreign);
        options.split = self.split(name);
        let streams = place.is_stream();
        let resumes = matches!(place, Place::File(_)) || (!streams && options.split.is_some());
        let going = Going { job: Job::Export, resumes: resumes && !self.snapshot, streams };
        let done = export(source, place.to_write()?, &options).await;
        drop(shown);
        let told = job::ended(cx, going, done)?;
        let to_output = matches!(place, Place::Stream);
        report::tell(cx, if to_output { To::ErrorOutput } else { To::Output }, &told, Some(&place.shown()))
    }

    /// A dump that is there is replaced by those who were asked.
    async fn confirm(&self, cx: &Cx, place: &Place) -> Result {
        if !self.replace || place.there(cx).await? == There::Nothing {
            return Ok(());
        }
        cx.confirm(self.yes, &format!("--replace replaces the dump {}", place.shown())).await
    }
}
