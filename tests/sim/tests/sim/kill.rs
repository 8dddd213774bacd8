use std::time::Duration;

use larder_sim::kill::{Mutant, Options, Tally, Target, run};
use larder_sim::place::Place;
use larder_sim::rng::fresh_seed;
use larder_sim::stores::Kind;
use larder_sim::{clock, jobs};

use crate::program;

fn kill(kind: Kind, params: &str, place: &Place, kills: u64, processes: u64, mutant: Mutant) -> (Tally, u64) {
    let seed = fresh_seed();
    let folder = place.path().join(format!("{processes}{}", params.len()));
    let options = Options {
        target: Target::store(&kind.at(&folder.join("store"), params).unwrap()).unwrap(),
        logs: folder.join("logs"),
        seed,
        kills,
        time: Duration::ZERO,
        processes,
        mutant,
        stop_at_first: mutant != Mutant::None,
        program: program(),
    };
    (run(&options).unwrap(), seed)
}

/// A thousand kills: on the disk, where writers wait for it, and in memory. How long opening takes is for the command to
/// judge, on a machine that has nothing else to do.
fn writers(kind: Kind) {
    let disk = Place::new(None).unwrap();
    let memory = Place::in_memory().unwrap();
    let parts = jobs::beside(2, &|part| {
        let ((tally, seed), took) = clock::timed(|| match part {
            0 => kill(kind, "", &disk, 500, 4, Mutant::None),
            _ => kill(kind, "", &memory, 500, 4, Mutant::None),
        });
        Ok(tally.report(kind.name(), seed, took, false))
    });
    for report in parts.unwrap() {
        report.assert_good();
        assert!(report.counted("kills") >= 500);
        assert!(report.counted("writes acknowledged") > 500, "{}", report.json());
        // Else nothing was ever killed in the middle of something.
        assert!(report.counted("of those happened") > 0, "{}", report.json());
        assert!(report.counted("of those did not") > 0, "{}", report.json());
    }
}

/// Broken workers are found out. How: one that acknowledges first loses, one of two steps tears, and so on.
fn mutants(kind: Kind, mutants: &[Mutant]) {
    for &mutant in mutants {
        let class = match mutant {
            Mutant::TwoSteps => "torn",
            _ => "lost, stale or back again",
        };
        // The campaign ends with the first wrong answer, which may be of another class: a step that meets its own
        // first half is told of a conflict.
        let found = (0..10).any(|_| {
            let place = Place::in_memory().unwrap();
            let (tally, seed) = kill(kind, "", &place, 3000, 4, mutant);
            assert!(tally.wrong() > 0, "{} went unnoticed, seed {seed}", mutant.name());
            tally.report(kind.name(), seed, Duration::ZERO, false).counted(class) > 0
        });
        assert!(found, "{} was never seen as {class}", mutant.name());
    }
}

#[test]
#[cfg(feature = "file")]
fn file() {
    writers(Kind::File);
}

#[test]
#[cfg(feature = "lmdb")]
fn lmdb() {
    writers(Kind::Lmdb);
}

#[test]
#[cfg(feature = "file")]
fn broken_workers_on_file_are_found() {
    mutants(Kind::File, &[Mutant::AckFirst, Mutant::TwoSteps, Mutant::PlainCas]);
}

#[test]
#[cfg(feature = "lmdb")]
fn broken_workers_on_lmdb_are_found() {
    mutants(Kind::Lmdb, &Mutant::BROKEN);
}
