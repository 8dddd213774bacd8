//! The LMDB store beside bare LMDB. Ours verifies the checksum of every value; theirs has none.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use larder::{GetOptions, Store, StoreExt};
use tokio::runtime::Runtime;

use super::NAME;
use crate::case::Case;
use crate::context::Context;
use crate::error::Result;
use crate::measure::Side;
use crate::open;
use crate::peer::lmdb::Lmdb;
use crate::workload::Workload;

const PEER: &str = "lmdb-rkv";

/// What is allowed for the checksum, the runtime and `dyn`.
const LIMIT: f64 = 1.5;

/// How ours is called.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// `store.get(&key).await`
    Get,
    /// `store.get("text").await`, which makes the key first.
    Text,
    /// `store.try_get(&key, &options)`
    Try,
}

const WAYS: [(Way, &str); 3] = [(Way::Get, "get"), (Way::Text, "get by text"), (Way::Try, "try_get")];

pub(super) fn run(context: &mut Context) -> Result<()> {
    // Both larger than the caches of most processors.
    let small = Workload::new(context.either(50_000, 100_000), 1 << 10);
    let large = Workload::new(context.either(1_000, 4_000), 64 << 10);
    for (size, workload) in [("1 KiB", small), ("64 KiB", large)] {
        let case = |name: &str| Case::new(NAME, format!("lmdb {name} {size}"), PEER).limit(LIMIT);
        if context.wants_any(&WAYS.map(|(_, name)| case(name))) {
            run_size(context, size, &workload, case)?;
        }
    }
    Ok(())
}

fn run_size(
    context: &mut Context,
    size: &str,
    workload: &Workload,
    case: impl Fn(&str) -> Case,
) -> Result<()> {
    let runtime = &Context::runtime()?;
    context.say(format_args!("warm: loading {} values of {size} into LMDB, twice", workload.len()));
    let store = open::folder(runtime, "lmdb", &context.place.path(&format!("warm-ours-{size}")))?;
    open::load(runtime, &*store, workload)?;
    open::verify(runtime, &store, workload)?;
    let bytes = workload.len() * workload.value_len();
    let bare = Lmdb::open(&context.place.path(&format!("warm-theirs-{size}")), bytes)?;
    bare.load(workload)?;
    bare.verify(workload)?;
    for (way, name) in WAYS {
        let mut reader = bare.reader()?;
        let theirs: Side<'_> = Box::new(move |order| {
            let begun = Instant::now();
            for &i in order {
                black_box(&reader.get(workload.key(i).as_bytes())?);
            }
            Ok(begun.elapsed())
        });
        context.measure(
            case(name),
            &context.cpu_plan(),
            workload,
            ours(runtime, &store, workload, way),
            theirs,
        )?;
    }
    open::close(runtime, &store)?;
    Ok(())
}

fn ours<'s>(runtime: &'s Runtime, store: &'s Arc<dyn Store>, workload: &'s Workload, way: Way) -> Side<'s> {
    let lost = "ours lost a value";
    match way {
        Way::Get => Box::new(move |order| {
            runtime.block_on(async {
                let begun = Instant::now();
                for &i in order {
                    black_box(&store.get(workload.key(i)).await?.ok_or(lost)?);
                }
                Ok(begun.elapsed())
            })
        }),
        Way::Text => Box::new(move |order| {
            runtime.block_on(async {
                let begun = Instant::now();
                for &i in order {
                    black_box(&store.get(workload.key(i).as_str()).await?.ok_or(lost)?);
                }
                Ok(begun.elapsed())
            })
        }),
        Way::Try => Box::new(move |order| {
            let options = GetOptions::default();
            let begun = Instant::now();
            for &i in order {
                let got = store.try_get(workload.key(i), &options).ok_or("try_get asks for get_opts")?;
                black_box(&got?.into_body().ok_or(lost)?);
            }
            Ok(begun.elapsed())
        }),
    }
}
