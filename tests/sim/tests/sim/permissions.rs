use larder_sim::permissions::run;
use larder_sim::stores::Kind;

use crate::program;

fn refusals(kind: Kind) {
    let report = run(&program(), kind).unwrap();
    report.assert_good();
    assert!(report.counted("rightly refused") >= 10, "{}", report.json());
    let skipped = report.counted("skipped: only the superuser can set them up");
    assert!(skipped == 0 || std::env::var_os("CI").is_none(), "CI must run as root");
}

#[test]
#[cfg(feature = "file")]
fn file() {
    refusals(Kind::File);
}

#[test]
#[cfg(feature = "lmdb")]
fn lmdb() {
    refusals(Kind::Lmdb);
}

#[test]
#[cfg(all(feature = "memory", feature = "file", feature = "lmdb"))]
fn stack() {
    let report = larder_sim::permissions::stack::run(&program(), larder_sim::rng::fresh_seed()).unwrap();
    report.assert_good();
    assert!(report.counted("fresh=30s: calls") > 300, "{}", report.json());
}
