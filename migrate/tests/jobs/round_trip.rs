//! What goes out comes in as it was, in every encoding and place. (Between every two stores: `tests/cloud`.)

use crate::common::{empty, fill};
use larder_migrate::{
    CompareOptions, DumpPlace, Encoding, ExportOptions, Side, WriteOptions, check, export, import, verify,
};
use larder_store_core::{Key, Store};
use std::sync::Arc;

async fn assert_same(source: Arc<dyn Store>, target: Arc<dyn Store>, entries: u64) {
    let found = verify(Side::Store(source), Side::Store(target), &CompareOptions::new()).await.unwrap();
    assert!(found.is_equal(), "{found:?}");
    assert_eq!(found.equal, entries);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_every_encoding_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let source = empty("memory", folder.path(), "").await;
    let entries = fill(&*source, 6 << 20, 2500).await;
    let dumps = empty("file", folder.path(), "dumps").await;
    for encoding in [Encoding::Zstd(1), Encoding::Zstd(19), Encoding::Plain, Encoding::JsonLines] {
        for split in [None, Some(1 << 20)] {
            let options = || {
                let options = ExportOptions::new().with_encoding(encoding);
                if let Some(split) = split { options.with_split(split) } else { options }
            };
            let name = format!("{encoding:?}-{split:?}");
            let path = folder.path().join(&name);
            let key = Key::new(name.as_str()).unwrap();
            export(source.clone(), DumpPlace::file(&path), &options()).await.unwrap();
            let object = || DumpPlace::object(dumps.clone(), key.clone());
            export(source.clone(), object(), &options()).await.unwrap();
            for place in [DumpPlace::file(&path), object()] {
                let target = empty("memory", folder.path(), "").await;
                let report = import(place, target.clone(), &WriteOptions::new()).await.unwrap();
                assert_eq!(report.written, entries, "{name}: {report:?}");
                assert_same(source.clone(), target, entries).await;
            }
            let trailer = check(DumpPlace::file(&path), &Default::default()).await.unwrap();
            assert_eq!(trailer.totals.entries, entries);
            assert_eq!(trailer.parts > 1, split.is_some(), "{trailer:?}");
            // And through a pipe.
            if split.is_none() {
                let target = empty("memory", folder.path(), "").await;
                let input = DumpPlace::input(std::fs::File::open(&path).unwrap());
                import(input, target.clone(), &WriteOptions::new()).await.unwrap();
                assert_same(source.clone(), target, entries).await;
            }
        }
    }
}
