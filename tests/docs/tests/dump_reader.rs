//! `docs/read_dump.py` on the golden dumps, and on one that was just made.

use std::path::{Path, PathBuf};
use std::process::Command;

use larder::StoreExt;
use larder::migrate::{DumpPlace, ExportOptions, export};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A Python that has what the reader needs.
fn python(test: &str) -> Option<PathBuf> {
    let python = larder_cloud_tests::installed::or_skip(test, "larder-python", "LARDER_PYTHON")?;
    let can = Command::new(&python).args(["-c", "import cbor2, zstandard"]).output().unwrap();
    assert!(can.status.success(), "{}: {}", python.display(), String::from_utf8_lossy(&can.stderr));
    Some(python)
}

fn read(python: &Path, dumps: &[PathBuf]) -> String {
    let reader = root().join("docs/read_dump.py");
    let output = Command::new(python).arg("-X").arg("utf8").arg(reader).args(dumps).output().unwrap();
    assert!(output.status.success(), "{dumps:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn golden(name: &str) -> PathBuf {
    root().join("migrate/tests/golden").join(name)
}

#[test]
fn it_is_thirty_lines_and_reads_the_golden_dumps() {
    let reader = root().join("docs/read_dump.py");
    assert!(std::fs::read_to_string(reader).unwrap().lines().count() <= 30);
    let Some(python) = python("it_is_thirty_lines_and_reads_the_golden_dumps") else { return };
    let plain = read(&python, &[golden("v1.cbor")]);
    let lines: Vec<_> = plain.lines().collect();
    assert_eq!(lines.len(), 6, "{plain}");
    assert_eq!(lines[0], "'a/empty' 0 bytes {}");
    assert!(lines[1].starts_with("'b/greeting' 13 bytes") && lines[1].contains("'note': 'Grüße'"), "{plain}");
    assert!(lines[3].starts_with("'d/large' 23 bytes"), "{plain}");
    assert_eq!(read(&python, &[golden("v1.larder")]), plain);
    assert_eq!(read(&python, &[golden("v1-parts.0001"), golden("v1-parts.0002")]), plain);
    // A dump without its end says so.
    let reader = root().join("docs/read_dump.py");
    let cut = Command::new(&python).arg(reader).arg(golden("v1-parts.0001")).output().unwrap();
    assert!(!cut.status.success() && String::from_utf8_lossy(&cut.stderr).contains("no trailer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reads_what_larder_writes() {
    let Some(python) = python("it_reads_what_larder_writes") else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = larder::open("memory:").await.unwrap();
    store.put("large", vec![7; 3 << 20]).await.unwrap();
    for n in 0..2000 {
        store.put(format!("n/{n:04}"), n.to_string()).await.unwrap();
    }
    let path = folder.path().join("dump");
    export(store, DumpPlace::file(&path), &ExportOptions::new()).await.unwrap();
    let text = read(&python, &[path]);
    assert_eq!(text.lines().count(), 2001);
    assert!(text.starts_with("'large' 3145728 bytes {'modified': "), "{}", &text[..100]);
}
