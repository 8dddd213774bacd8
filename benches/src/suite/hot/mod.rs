//! The hit in the hottest tier of a stack, beside caches that know no origin and check nothing.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use larder::StoreExt;

use crate::case::Case;
use crate::context::Context;
use crate::error::Result;
use crate::measure::Side;
use crate::open;
use crate::workload::Workload;

pub(crate) const NAME: &str = "hot";

/// The hasher that moka's manual names for speed.
type Hasher = ahash::RandomState;

const MOKA: &str = "moka sync";
#[cfg(feature = "foyer")]
const FOYER: &str = "foyer memory";

pub(crate) fn run(context: &mut Context) -> Result<()> {
    let keys = context.either(20_000, 100_000);
    let uniform = Workload::new(keys, 1024);
    for (access, workload) in [("uniform", uniform.clone()), ("Zipf 0.9", uniform.zipf(0.9))] {
        let name = format!("get 1 KiB, {access}");
        let cases = [
            Case::new(NAME, name.clone(), MOKA).limit(1.0),
            #[cfg(feature = "foyer")]
            Case::new(NAME, name, FOYER),
        ];
        if !context.wants_any(&cases) {
            continue;
        }
        let workload = &workload;
        let runtime = &Context::runtime()?;
        context.say("hot: loading the stack");
        let stack = "memory:?capacity=512MiB | memory:?fresh=sole_writer";
        let store = runtime.block_on(larder::open(stack))?;
        open::load(runtime, &*store, workload)?;
        open::verify(runtime, &store, workload)?;
        for case in cases {
            if !context.wants(&case) {
                continue;
            }
            let ours: Side<'_> = Box::new(|order| {
                runtime.block_on(async {
                    let begun = Instant::now();
                    for &i in order {
                        let value = store.get(workload.key(i)).await?.ok_or("ours lost a value")?;
                        black_box(&value);
                    }
                    Ok(begun.elapsed())
                })
            });
            let theirs = match case.peer {
                #[cfg(feature = "foyer")]
                FOYER => foyer(workload),
                _ => moka(workload),
            };
            context.measure(case, &context.cpu_plan(), workload, ours, theirs)?;
        }
        open::close(runtime, &store)?;
    }
    Ok(())
}

fn moka(workload: &Workload) -> Side<'_> {
    let cache = moka::sync::Cache::builder()
        .max_capacity(workload.len() as u64 * 2)
        .build_with_hasher(Hasher::default());
    for i in 0..workload.len() {
        cache.insert(Arc::<str>::from(workload.key(i).as_str()), workload.bytes(i));
    }
    cache.run_pending_tasks();
    Box::new(move |order| {
        let begun = Instant::now();
        for &i in order {
            let value = cache.get(workload.key(i).as_str()).ok_or("moka lost a value")?;
            black_box(&value);
        }
        Ok(begun.elapsed())
    })
}

#[cfg(feature = "foyer")]
fn foyer(workload: &Workload) -> Side<'_> {
    let cache = foyer_memory::CacheBuilder::new(workload.len() * 2)
        .with_hash_builder(Hasher::default())
        .build::<foyer_memory::CacheProperties>();
    for i in 0..workload.len() {
        cache.insert(workload.key(i).as_str().to_owned(), workload.bytes(i));
    }
    Box::new(move |order| {
        let begun = Instant::now();
        for &i in order {
            let value = cache.get(workload.key(i).as_str()).ok_or("foyer lost a value")?;
            black_box(value.value());
        }
        Ok(begun.elapsed())
    })
}
