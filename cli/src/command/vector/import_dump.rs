//! `larder vector import` of a dump.

use std::sync::Arc;

use larder::migrate::{JobOptions, OnConflict, WriteOptions, import};

use super::import::{self, Import};
use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::hints::{Going, Job};
use crate::migrate::job;
use crate::migrate::name::DumpName;
use crate::migrate::place::Place;
use crate::migrate::progress::Shown;
use crate::open::Make;
use crate::stores;
use crate::vectors::dump::RowStore;
use crate::vectors::open;

/// Reads the rows of a dump into a collection.
pub(super) async fn run(cx: &Cx, asked: &Import) -> Result {
    if let Some(option) = asked.of_vectors() {
        let why = format!("{option}: a dump has its own, and is gone on with where it was stopped");
        return Err(Failure::usage(why).hint("a file of vectors ends in .npy or .fvecs"));
    }
    let name = DumpName::parse(&asked.file)?;
    let shown = Shown::new(cx, false);
    let mut options = JobOptions::new().with_width(1).with_call(cx.call());
    options.progress = shown.on_progress();
    options.env = cx.env.clone();
    // Batch by batch: what all rows have in common comes first.
    let options = WriteOptions::new().with_job(options).with_on_conflict(OnConflict::Overwrite);
    let began = cx.env.now();
    stores::with(cx, async |stores| {
        let place = Place::of(&name, stores, Make::Never).await?;
        place.must_be_there(cx).await?;
        let going = Going { job: Job::Write, resumes: true, streams: place.is_stream() };
        let dump = place.to_read(cx)?;
        let store = stores.open(&asked.store, Make::IfMissing).await?;
        let rows = Arc::new(RowStore::new(store, cx.env.clone(), open::options(cx)));
        let done = async {
            let told = import(dump, rows.clone(), &options).await.map_err(|error| rows.met(error));
            drop(shown);
            let told = job::ended(cx, going, told)?;
            let Some(writer) = rows.opened() else {
                return Err(Failure::usage("the dump is one of no collection: it has no rows")
                    .hint("larder import reads the dumps of other stores"));
            };
            let stats = writer.settle(cx, !asked.no_optimize).await?;
            // One entry says what the rows have in common.
            import::tell(cx, told.written.saturating_sub(1), 0, &stats, writer.schema(), began)
        };
        let done = done.await;
        if let Some(writer) = rows.opened() {
            writer.close(cx).await;
        }
        done
    })
    .await
}
