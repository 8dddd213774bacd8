use larder_sim::clock;
use larder_sim::dump_damage::{cuts, edits};
use larder_sim::rng::fresh_seed;

#[test]
fn every_truncation_point() {
    let seed = fresh_seed();
    let (tally, took) = clock::timed(|| cuts(seed, 120, 2));
    let report = tally.unwrap().report("cuts", seed, took);
    report.assert_good();
    assert!(report.counted("cut") > 3_000, "{}", report.json());
    // A cut is always seen, but where it takes nothing that matters: the last line's end.
    assert!(report.counted("harmless, all imported") < 10, "{}", report.json());
}

#[test]
fn random_edits() {
    let seed = fresh_seed();
    let (tally, took) = clock::timed(|| edits(seed, 3_000, 2));
    let report = tally.unwrap().report("edits", seed, took);
    report.assert_good();
    assert!(report.counted("cases") >= 3_000);
    assert!(report.counted("refused, with part and byte") > 2_000, "{}", report.json());
    assert!(report.counted("entries imported, each compared") > 1_000, "{}", report.json());
}
