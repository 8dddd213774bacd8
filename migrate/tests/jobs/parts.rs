//! An export in parts that was killed goes on at every place between two parts.

use std::path::{Path, PathBuf};

use crate::common::empty;
use larder_migrate::{CompareOptions, DumpPlace, Encoding, ExportOptions, Side, check, export, verify};
use larder_store_core::StoreExt;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Killed behind the end of a part, before the first checkpoint of the next; or in the middle of one.
#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_behind_any_whole_part() {
    let folder = tempfile::tempdir().unwrap();
    let source = empty("memory", folder.path(), "").await;
    let entries = 7_500;
    for n in 0..entries {
        source.put(format!("many/{n:06}"), format!("value {n}")).await.unwrap();
    }
    let options = ExportOptions::new().with_encoding(Encoding::Plain).with_split(10_000);
    for left in 1..4 {
        for begun in [None, Some(0), Some(10), Some(50_000)] {
            let dump = folder.path().join(format!("{left}-{begun:?}"));
            std::fs::create_dir(&dump).unwrap();
            let place = || DumpPlace::file(dump.join("d"));
            export(source.clone(), place(), &options).await.unwrap();
            let whole = files(&dump);
            assert!(whole.len() > left + 1, "{whole:?}");
            // What a kill leaves.
            let next = std::fs::read(&whole[left]).unwrap();
            whole[left..].iter().for_each(|part| std::fs::remove_file(part).unwrap());
            if let Some(length) = begun {
                let mut partial = whole[left].clone().into_os_string();
                partial.push(".partial");
                std::fs::write(partial, &next[..length.min(next.len() - 1)]).unwrap();
            }
            let report = export(source.clone(), place(), &options).await.unwrap();
            assert!(report.resumed > 0, "{left} {begun:?}: {report:?}");
            assert_eq!(report.written, entries);
            assert_eq!(check(place(), &Default::default()).await.unwrap().totals.entries, entries);
            let sides = (Side::Store(source.clone()), Side::Dump(place()));
            assert!(verify(sides.0, sides.1, &CompareOptions::new()).await.unwrap().is_equal());
            assert!(files(&dump).iter().all(|file| file.extension().is_some_and(|e| e != "partial")));
        }
    }
}
