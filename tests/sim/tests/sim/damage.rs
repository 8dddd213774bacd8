use std::time::Duration;

use larder_sim::damage::{Options, run, stack};
use larder_sim::place::Place;
use larder_sim::rng::fresh_seed;
use larder_sim::stores::Kind;

use crate::program;

fn damage(kind: Kind, cases: u64) {
    let place = Place::in_memory().unwrap();
    let seed = fresh_seed();
    let patience = Duration::from_secs(60);
    let options = Options {
        kind,
        params: String::new(),
        folder: place.path(),
        cases,
        seed,
        patience,
        program: program(),
    };
    let tally = run(&options).unwrap();
    let reports = tally.reports(kind.name(), seed, Duration::ZERO);
    reports.iter().for_each(|report| report.assert_good());
    let all = reports.last().unwrap();
    assert_eq!(all.counted("cases"), cases);
    // Else nothing that is in use was ever hit.
    assert!(all.counted("damage was found") > cases / 2, "{}", all.json());
    assert!(all.counted("reads Corrupt") > 0, "{}", all.json());
}

#[test]
#[cfg(feature = "file")]
fn file() {
    damage(Kind::File, 1000);
}

#[test]
#[cfg(feature = "lmdb")]
fn lmdb() {
    damage(Kind::Lmdb, 1000);
}

#[test]
#[cfg(all(feature = "memory", feature = "file", feature = "lmdb"))]
fn cache_of_a_stack() {
    let place = Place::in_memory().unwrap();
    let seed = fresh_seed();
    let patience = Duration::from_secs(60);
    let cases = 40;
    let options = stack::Options { folder: place.path(), cases, seed, patience, program: program() };
    let reports = stack::run(&options).unwrap().reports(seed, Duration::ZERO);
    reports.iter().for_each(|report| report.assert_good());
    let all = reports.last().unwrap();
    assert_eq!(all.counted("cases"), cases);
    // Else nothing that is in use was ever hit, or nothing was ever answered by the cache.
    assert!(all.counted("runs that noticed") > cases / 4, "{}", all.json());
    assert!(all.counted("hits of the cache") > 100 * cases, "{}", all.json());
}
