//! Ctrl-C, and outputs that nobody reads.

use std::io::{Read, Write};
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::shop::Shop;

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Its exit code and what it said, once it has ended.
fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn an_interrupted_put_leaves_nothing() {
    for store in ["file:data", "lmdb:db"] {
        for (with, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let shop = Shop::new();
            shop.ok_fed(&["put", store, "other"], b"v");
            let mut child = shop.start(&["put", store, "k"]);
            let mut stdin = child.stdin.take().unwrap();
            // Far more than a pipe holds: when it is written, most of it was read.
            stdin.write_all(&vec![7; 4 << 20]).unwrap();
            signal(&child, with);
            let (ended, err) = ended(child);
            assert_eq!(ended, Some(code), "{err}");
            assert_eq!(err, "larder: interrupted\n");
            drop(stdin);
            assert_eq!(shop.ok(&["ls", store, "-r"]), "other\n");
            assert!(shop.ok(&["doctor", store]).contains("nothing is wrong"));
        }
    }
}

/// The second signal ends it whatever it waits for: here a pipe that nobody reads.
#[test]
fn a_second_signal_does_not_wait() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "file:data", "k"], &vec![7; 4 << 20]);
    let mut child = shop.start(&["get", "file:data", "k"]);
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 1]).unwrap();
    // It writes, and is on its way into a full pipe. One signal may come before the first is seen, so: many.
    let pid = Pid::from_child(&child);
    while child.try_wait().unwrap().is_none() {
        let _ = kill_process(pid, Signal::INT);
        std::thread::yield_now();
    }
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    drop(stdout);
}

#[test]
fn a_pipe_that_nobody_reads_is_no_error() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "file:data", "k"], &vec![7; 1 << 20]);
    for args in [
        &["get", "file:data", "k"][..],
        &["ls", "file:data"],
        &["stat", "file:data", "k"],
        &["stats", "file:data"],
        &["backends"],
        &["completions", "bash"],
        &["doctor", "file:data"],
    ] {
        let mut child = shop.start(args);
        drop(child.stdout.take());
        let (code, err) = ended(child);
        assert_eq!((code, err.as_str()), (Some(141), ""), "{args:?}");
    }
    // Help is no work that could be lost.
    let mut child = shop.start(&["--help"]);
    drop(child.stdout.take());
    assert_eq!(ended(child), (Some(0), String::new()));
    // What was asked for is done all the same.
    let mut child = shop.start(&["rm", "file:data", "k"]);
    drop(child.stdout.take());
    assert_eq!(ended(child).1, "");
    assert_eq!(shop.run(&["get", "file:data", "k"]).code, 3);
    // Not even the error output.
    let mut child = shop.start(&["get", "file:data", "gone"]);
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(ended(child).0, Some(3));
}
