//! What is shown and asked on a terminal only.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::shop::Shop;
use crate::vectors::npy;

/// A terminal: our end, and the command's.
fn terminal() -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
    (ours.into(), OpenOptions::new().read(true).write(true).open(path).unwrap())
}

/// Runs it with a terminal for input and errors: its exit code, its output, what the terminal showed.
fn run(shop: &Shop, args: &[&str], typed: &str) -> (Option<i32>, String, String) {
    let (mut ours, theirs) = terminal();
    let mut command = shop.command(args);
    command.stdin(theirs.try_clone().unwrap()).stderr(theirs).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    // Only the command has its end now, so that ours ends with it.
    drop(command);
    ours.write_all(typed.as_bytes()).unwrap();
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(n @ 1..) = ours.read(&mut piece) {
        seen.extend_from_slice(&piece[..n]);
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&seen))
}

#[test]
fn progress_is_shown_and_gone() {
    let shop = Shop::new();
    let lines: String = (0..1500).map(|n| format!("{{\"key\":\"{n:05}\",\"text\":\"{n}\"}}\n")).collect();
    assert_eq!(shop.feed(&["import", "-", "lmdb:data"], lines.as_bytes()).code, 0);
    let (code, out, seen) = run(&shop, &["copy", "lmdb:data", "lmdb:a", "--rate-entries", "1500"], "");
    assert_eq!(code, Some(0), "{seen}");
    assert!(out.starts_with("written     1500 entries"), "{out}");
    assert!(
        seen.contains("moving: ") && seen.contains(" of 1500 entries, ") && seen.contains("/s"),
        "{seen:?}"
    );
    assert!(seen.contains(" left"), "{seen:?}");
    // The last that is written takes the line away.
    assert!(seen.ends_with("\r\u{1b}[2K") || seen.trim_end().ends_with("[2K"), "{seen:?}");
    let (code, _, seen) = run(&shop, &["verify", "lmdb:data", "lmdb:a", "-q"], "");
    assert_eq!((code, seen.as_str()), (Some(0), ""));
    // A dump is not for a terminal, nor from one.
    let (code, _, seen) = run(&shop, &["import", "-", "lmdb:b"], "");
    assert!(code == Some(2) && seen.contains("that is a terminal"), "{seen}");
    assert!(!shop.path("b").exists());
}

#[test]
fn an_import_of_vectors_says_what_takes_long() {
    let shop = Shop::new();
    let points: Vec<Vec<f32>> = (0..70_000).map(|n| vec![n as f32, (n % 13) as f32]).collect();
    shop.file("a.npy", npy(&points));
    let import = ["vector", "import", "lmdb:db", "a.npy", "--batch", "8192"];
    let (code, out, seen) = run(&shop, &import, "");
    assert_eq!(code, Some(0), "{seen}");
    assert!(out.starts_with("written     70000 vectors"), "{out}");
    for part in [
        "importing: ",
        " of 70000 vectors",
        // In the middle of it as well, from 65,536 rows on.
        "sealing: 65536 vectors, beside 0 segments",
        "sealing: 4464 vectors, beside 1 segment",
        "clustering: 70000 vectors of 2 segments",
    ] {
        assert!(seen.contains(part), "{part}: {seen:?}");
    }
    // A dump is told of as a job, and then as a file is.
    shop.ok(&["vector", "export", "lmdb:db", "a.cbor"]);
    let (code, _, seen) = run(&shop, &["vector", "import", "lmdb:again", "a.cbor"], "");
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("sealing: ") && seen.contains("clustering: 70000 vectors"), "{seen:?}");
    let (code, out, seen) = run(&shop, &["vector", "import", "lmdb:quiet", "a.npy", "-q"], "");
    assert_eq!((code, out.as_str(), seen.as_str()), (Some(0), "", ""));
}

#[test]
fn a_yes_is_typed() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "lmdb:a", "k"], b"new");
    shop.ok_fed(&["put", "lmdb:b", "k"], b"old");
    let overwrite = ["copy", "lmdb:a", "lmdb:b", "--on-conflict", "overwrite"];
    for no in ["no\n", "y\n", "\n", "\u{4}"] {
        let (code, out, seen) = run(&shop, &overwrite, no);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{seen}");
        assert!(seen.contains("Type yes to go on") && seen.contains("nothing was done"), "{seen}");
        assert_eq!(shop.ok(&["get", "lmdb:b", "k"]), "old");
    }
    let (code, _, seen) = run(&shop, &overwrite, "yes\n");
    assert_eq!(code, Some(0), "{seen}");
    assert_eq!(shop.ok(&["get", "lmdb:b", "k"]), "new");
    let (code, _, seen) = run(&shop, &["rm", "lmdb:b", "--prefix", ""], "yes\n");
    assert_eq!(code, Some(0), "{seen}");
    assert_eq!(shop.ok(&["ls", "lmdb:b"]), "");
}
