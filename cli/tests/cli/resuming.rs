//! Jobs that are stopped, and go on.

use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::shop::Shop;

const ENTRIES: u64 = 3000;

fn stocked() -> Shop {
    let shop = Shop::new();
    let lines: String = (0..ENTRIES).map(|n| format!("{{\"key\":\"{n:05}\",\"text\":\"{n}\"}}\n")).collect();
    assert_eq!(shop.feed(&["import", "-", "lmdb:data"], lines.as_bytes()).code, 0);
    shop
}

/// Waits until something is so, while it runs.
fn until(child: &mut Child, mut so: impl FnMut() -> bool) {
    while !so() {
        assert!(child.try_wait().unwrap().is_none(), "it has ended before it could be stopped");
        // Not in its way: there are few cores.
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn stop(mut child: Child, signal: Signal, so: impl FnMut() -> bool) -> (Option<i32>, String) {
    until(&mut child, so);
    kill_process(Pid::from_child(&child), signal).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// How many entries a store has, once it is there.
fn entries(shop: &Shop, store: &str) -> Option<u64> {
    let said = shop.run(&["--json", "stats", store]);
    serde_json::from_str::<serde_json::Value>(&said.out).ok()?["entries"].as_u64()
}

const STOPPED: &str = "larder: interrupted (run the same command again: it goes on where it stopped)\n";

#[test]
fn a_stopped_export_goes_on() {
    let shop = stocked();
    for (signal, code) in [(Signal::INT, Some(130)), (Signal::TERM, Some(143)), (Signal::KILL, None)] {
        let dump = format!("{}.larder", signal.as_raw());
        let partial = shop.path(&format!("{dump}.partial"));
        let child = shop.start(&["export", "lmdb:data", &dump, "--rate-entries", "3000"]);
        let begun = || std::fs::metadata(&partial).is_ok_and(|file| file.len() > 0);
        let (ended, err) = stop(child, signal, begun);
        assert_eq!(ended, code, "{err}");
        assert_eq!(err, if code.is_some() { STOPPED } else { "" });
        // Another job does not go on with it.
        let said = shop.run(&["export", "lmdb:data", &dump, "--prefix", "0"]);
        assert!(said.code == 2 && said.err.contains("--restart"), "{said:?}");
        let report = &shop.json(&["export", "lmdb:data", &dump])[0];
        let (resumed, written) = (report["resumed"].as_u64().unwrap(), report["written"].as_u64().unwrap());
        assert!(resumed >= 1000 && written == ENTRIES, "{report}");
        shop.ok(&["verify", "lmdb:data", &dump, "--exact"]);
        assert!(!partial.exists());
    }
}

#[test]
fn a_stopped_copy_or_import_goes_on() {
    let shop = stocked();
    shop.ok(&["export", "lmdb:data", "dump"]);
    for (n, from) in [["copy", "lmdb:data"], ["import", "dump"]].iter().enumerate() {
        for (signal, code) in [(Signal::INT, Some(130)), (Signal::KILL, None)] {
            let target = format!("lmdb:to-{n}-{}", signal.as_raw());
            let all = [&from[..], &[&target]].concat();
            let child = shop.start(&[&all[..], &["--rate-entries", "2000"]].concat());
            // An import goes on behind a checkpoint, and those come every 1,000 entries.
            let some = || entries(&shop, &target).is_some_and(|entries| entries > 1200);
            let (ended, err) = stop(child, signal, some);
            assert_eq!(ended, code, "{err}");
            assert_eq!(err, if code.is_some() { STOPPED } else { "" });
            let report = &shop.json(&all)[0];
            let count = |name: &str| report[name].as_u64().unwrap();
            assert_eq!(count("same") + count("written"), ENTRIES, "{report}");
            assert!(count("written") > count("resumed"), "{report}");
            assert!(code.is_none() || count("resumed") >= 1000, "{report}");
            shop.ok(&["verify", "lmdb:data", &target, "--exact"]);
        }
    }
}

/// Who waits for an input that does not come is ended all the same.
#[test]
fn an_import_that_waits_is_ended_at_once() {
    let shop = stocked();
    let dump = shop.run(&["export", "lmdb:data", "-"]).bytes;
    let mut child = shop.start(&["import", "-", "lmdb:to"]);
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, &dump[..dump.len() - 100]).unwrap();
    let path = shop.path("to");
    let (ended, err) = stop(child, Signal::INT, || path.exists());
    assert_eq!((ended, err.as_str()), (Some(130), STOPPED));
    drop(stdin);
    let report = &serde_json::from_str::<serde_json::Value>(
        &shop.feed(&["--json", "import", "-", "lmdb:to"], &dump).out,
    )
    .unwrap();
    let count = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(count("same") + count("written"), ENTRIES, "{report}");
    shop.ok(&["verify", "lmdb:data", "lmdb:to", "--exact"]);
}

#[test]
fn what_cannot_go_on_says_so() {
    let shop = stocked();
    let child =
        shop.start(&["export", "lmdb:data", "file:vault::d", "--split", "0", "--rate-entries", "2000"]);
    let begun = shop.path("vault/.larder/tmp");
    let (ended, err) =
        stop(child, Signal::INT, || std::fs::read_dir(&begun).is_ok_and(|files| files.count() > 0));
    assert_eq!(ended, Some(130), "{err}");
    assert_eq!(err, "larder: interrupted (run the same command again: it begins anew)\n");
    let report = shop.run(&["export", "lmdb:data", "d", "--timeout", "300ms", "--rate-entries", "1000"]);
    assert!(report.code == 6 && report.err.contains("it goes on where it stopped"), "{report:?}");
}

/// At a low rate the next turn may be minutes away.
#[test]
fn a_job_that_waits_for_its_turn_is_ended_at_once() {
    let shop = Shop::new();
    for key in ["a", "b", "c"] {
        shop.ok_fed(&["put", "file:data", key], &[7; 100 << 10]);
    }
    shop.ok(&["export", "file:data", "dump"]);
    for from in [["copy", "file:data"], ["import", "dump"], ["export", "file:data"]] {
        let target = if from[0] == "export" { "new".to_owned() } else { format!("lmdb:to-{}", from[0]) };
        let partial = shop.path("new.partial");
        // The first of three is through, or in hand: the second waits for more than a minute.
        let waits = || {
            let begun = partial.exists() || entries(&shop, &target).is_some();
            std::thread::park_timeout(Duration::from_millis(200));
            begun
        };
        let all = [&from[..], &[&target]].concat();
        let child = shop.start(&[&all[..], &["--json", "--rate", "1KiB/s", "--no-preflight"]].concat());
        let (code, err) = stop(child, Signal::INT, waits);
        let error = &serde_json::from_str::<serde_json::Value>(&err).unwrap()["error"];
        assert_eq!((code, &error["exit"], &error["kind"]), (Some(130), &130.into(), &"cancelled".into()));
        assert!(error["hint"].as_str().unwrap().contains("goes on where it stopped"), "{err}");
        let report = &shop.json(&all)[0];
        let count = |name: &str| report[name].as_u64().unwrap();
        assert_eq!(count("same") + count("written"), 3, "{report}");
    }
}
