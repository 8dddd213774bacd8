use larder_sim::full_disk::{Disk, Options, available, run, variants};
use larder_sim::rng::fresh_seed;
use larder_sim::stores::Kind;

use crate::program;

fn full(kind: Kind) {
    if let Err(why) = available(&program(), Disk::Tmpfs) {
        assert!(std::env::var_os("CI").is_none(), "{why}");
        eprintln!("SKIPPED: {why}");
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
