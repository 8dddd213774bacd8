use larder_sim::full_disk::{Disk, Options, available, run, stack, variants};
use larder_sim::rng::fresh_seed;
use larder_sim::stores::Kind;

use crate::program;

/// Whether a disk can be mounted here; if not, that is said.
fn can_mount() -> bool {
    let Err(why) = available(&program(), Disk::Tmpfs) else { return true };
    assert!(std::env::var_os("CI").is_none(), "{why}");
    // Past the capture of the test harness.
    let _ = std::io::Write::write_all(
        &mut std::io::stderr(),
        format!("full_disk is SKIPPED: {why}\n").as_bytes(),
    );
    false
}

fn full(kind: Kind) {
    if !can_mount() {
        return;
    }
    for params in variants(kind) {
        let seed = fresh_seed();
        let params = (*params).to_owned();
        let report =
            run(&Options { kind, params, disk: Disk::Tmpfs, rounds: 2, seed, program: program() }).unwrap();
        report.assert_good();
        assert!(report.counted("refused as Full") > 10, "{}", report.json());
        assert!(report.counted("deletes on a full disk") > 10, "{}", report.json());
    }
}

#[test]
#[cfg(feature = "file")]
fn file() {
    full(Kind::File);
}

#[test]
#[cfg(feature = "lmdb")]
fn lmdb() {
    full(Kind::Lmdb);
}

fn stack(fresh: &'static str) {
    if !can_mount() {
        return;
    }
    let (seed, program) = (fresh_seed(), program());
    let report = stack::run(&stack::Options { fresh, disk: Disk::Tmpfs, rounds: 1, seed, program }).unwrap();
    report.assert_good();
    for part in ["full in use", "read-only in use"] {
        assert!(report.counted(&format!("{part}: calls")) > 200, "{}", report.json());
        assert!(fresh == "always" || report.counted(&format!("{part}: hits")) > 10, "{}", report.json());
    }
}

#[test]
#[cfg(all(feature = "memory", feature = "file", feature = "lmdb"))]
fn stack_of_a_sole_writer() {
    stack("sole_writer");
}

#[test]
#[cfg(all(feature = "memory", feature = "file", feature = "lmdb"))]
fn stack_with_an_age() {
    stack("30s");
}

#[test]
#[cfg(all(feature = "memory", feature = "file", feature = "lmdb"))]
fn stack_that_always_asks() {
    stack("always");
}
