//! From a dump into LMDB, beside `mdb_load` of the same entries.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use larder::StoreExt;
use larder::migrate::{DumpPlace, ExportOptions, JobOptions, WriteOptions, export, import};
use tokio::runtime::Runtime;

use super::{NAME, has, open, rounds, shell};
use crate::case::Case;
use crate::context::Context;
use crate::error::{Result, at};
use crate::workload::Rng;

/// Makes each hundred entries durable. (Version 0.9 has no other way; appending in order came later.)
const PEER: &str = "mdb_load";

/// The throughput that is wanted: 0.8 of the peer's.
const LIMIT: f64 = 1.0 / 0.8;

const VALUE: usize = 256;

pub(super) fn run(context: &mut Context, runtime: &Runtime) -> Result<()> {
    let entries: usize = context.either(10_000, 500_000);
    let case =
        Case::new(NAME, format!("import of {entries} × {VALUE} B into lmdb, durable, time per entry"), PEER)
            .limit(LIMIT);
    if !context.wants(&case) || !has(&["mdb_load"]) {
        return Ok(());
    }
    context.place.on_disk()?;
    context.say("dump: making the entries");
    let folder = context.place.path("import");
    std::fs::create_dir_all(&folder)?;
    let source = open(runtime, "memory:")?;
    let mut rng = Rng::new(7);
    let mut all = Vec::with_capacity(entries);
    for n in 0..entries {
        let value: Vec<u8> = (0..VALUE / 8).flat_map(|_| rng.next().to_le_bytes()).collect();
        all.push((format!("object-{n:012}"), value));
    }
    text(&folder.join("theirs.txt"), &all)?;
    for (key, value) in all {
        runtime.block_on(source.put(key, value))?;
    }
    let path = folder.join("ours.larder");
    runtime.block_on(export(source, DumpPlace::file(&path), &ExportOptions::new()))?;
    let count = context.either(1, 5);
    rounds(
        context,
        case,
        count,
        |round| {
            let place = folder.join(format!("ours-{round}"));
            let begun = Instant::now();
            let target = open(runtime, &format!("lmdb:{}", place.display()))?;
            // The dump is read and checked twice, before and while it is written, as by default.
            let options = WriteOptions::new().with_job(JobOptions::new());
            let done = runtime.block_on(import(DumpPlace::file(&path), target.clone(), &options))?;
            runtime.block_on(target.close(&larder::Call::default()))?;
            let took = begun.elapsed();
            if done.written != entries as u64 {
                return Err("the target lacks something".into());
            }
            std::fs::remove_dir_all(place)?;
            Ok(took.as_nanos() as f64 / entries as f64)
        },
        |round| {
            let took =
                shell(&folder, &format!("mkdir theirs-{round} && mdb_load -f theirs.txt theirs-{round}"))?;
            std::fs::remove_dir_all(folder.join(format!("theirs-{round}")))?;
            Ok(took.as_nanos() as f64 / entries as f64)
        },
    )?;
    Ok(std::fs::remove_dir_all(folder)?)
}

/// The entries as `mdb_dump` would print them.
fn text(path: &Path, entries: &[(String, Vec<u8>)]) -> Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(path).map_err(|e| at(path, e))?);
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    write!(out, "VERSION=3\nformat=bytevalue\ntype=btree\nmapsize=17179869184\nHEADER=END\n")?;
    for (key, value) in entries {
        write!(out, " {}\n {}\n", hex(key.as_bytes()), hex(value))?;
    }
    writeln!(out, "DATA=END")?;
    Ok(out.flush()?)
}
