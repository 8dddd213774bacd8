//! Out of a file store into a dump, beside `tar | zstd` on the same files.

use std::time::Instant;

use larder::migrate::{CompareOptions, DumpPlace, ExportOptions, Side, WriteOptions, copy, export, verify};
use tokio::runtime::Runtime;

use super::{NAME, files, has, open, rounds, shell};
use crate::case::Case;
use crate::context::Context;
use crate::error::Result;

/// Both compress with two threads at level 3 and sync the file at the end.
const PEER: &str = "tar | zstd -3 -T2";

pub(super) fn run(context: &mut Context, runtime: &Runtime) -> Result<()> {
    let bytes: u64 = context.either(64 << 20, 2 << 30);
    let case = Case::new(NAME, format!("export of {} MiB of real files, time per MiB", bytes >> 20), PEER)
        .limit(1.0);
    if !context.wants(&case) || !has(&["tar", "zstd", "sync"]) {
        return Ok(());
    }
    context.say("dump: gathering real files");
    let folder = context.place.path("export");
    let plain = folder.join("files");
    let mib = files::gather(&plain, bytes)? as f64 / f64::from(1 << 20);
    context.say("dump: loading the file store");
    let raw = open(runtime, &format!("file:{}?layout=raw", plain.display()))?;
    let store = open(runtime, &format!("file:{}?sync=none", folder.join("store").display()))?;
    let report = runtime.block_on(copy(raw.clone(), store.clone(), &WriteOptions::new()))?;
    std::process::Command::new("sync").status()?;
    let path = folder.join("ours.larder");
    rounds(
        context,
        case,
        context_rounds(context),
        |_| {
            let begun = Instant::now();
            if path.exists() {
                std::fs::remove_file(&path)?;
            }
            let options = ExportOptions::new();
            let done = runtime.block_on(export(store.clone(), DumpPlace::file(&path), &options))?;
            if done.written != report.written {
                return Err("the dump lacks something".into());
            }
            Ok(begun.elapsed().as_nanos() as f64 / mib)
        },
        |_| {
            let line = "rm -f theirs.tar.zst; tar -cf - files | zstd -q -3 -T2 -o theirs.tar.zst && sync theirs.tar.zst";
            Ok(shell(&folder, line)?.as_nanos() as f64 / mib)
        },
    )?;
    let size = |name: &str| std::fs::metadata(folder.join(name)).map(|m| m.len() >> 20);
    println!(
        "dump: {} files, {mib:.0} MiB; ours {} MiB, tar.zst {} MiB",
        report.written,
        size("ours.larder")?,
        size("theirs.tar.zst")?
    );
    let sides = (Side::Store(raw), Side::Dump(DumpPlace::file(&path)));
    if !runtime.block_on(verify(sides.0, sides.1, &CompareOptions::new()))?.is_equal() {
        return Err("the dump is not what the files are".into());
    }
    Ok(std::fs::remove_dir_all(folder)?)
}

fn context_rounds(context: &Context) -> usize {
    context.either(1, 5)
}
