use std::time::Duration;

use larder_sim::clock;
use larder_sim::fronts::{Options, Shape, run};
use larder_sim::kill::Mutant;
use larder_sim::place::Place;
use larder_sim::report::Report;
use larder_sim::rng::fresh_seed;

use crate::program;

fn fronts(shape: Shape, kills: u64, mutant: Mutant) -> Report {
    let place = Place::in_memory().unwrap();
    let (folder, seed) = (place.path(), fresh_seed());
    let options = Options {
        shape,
        folder,
        seed,
        kills,
        time: Duration::ZERO,
        processes: 4,
        mutant,
        program: program(),
    };
    let (tally, took) = clock::timed(|| run(&options).unwrap());
    tally.report_stack(shape.name(), seed, took)
}

fn processes_that_share_a_stack(shape: Shape) {
    let report = fronts(shape, 30, Mutant::None);
    report.assert_good();
    for name in [
        "writes acknowledged",
        "of those hits",
        "hits when it was looked at",
        "owners of the fence reclaimed",
        "readers of LMDB reclaimed",
        "of those happened",
    ] {
        assert!(report.counted(name) > 0, "{name}: {}", report.json());
    }
}

#[test]
fn processes_that_share_lmdb_over_files() {
    processes_that_share_a_stack(Shape::LmdbFile);
}

#[test]
fn processes_that_share_memory_over_lmdb_over_files() {
    processes_that_share_a_stack(Shape::MemoryLmdbFile);
}

/// Workers that break the rules of a stack are found out: by answers that no register gives, or by
/// a head, a listing and a value that do not agree, whichever the run comes across first.
#[test]
fn writers_past_the_fence_are_found() {
    for mutant in Mutant::OF_STACKS {
        for shape in Shape::ALL {
            let report = fronts(shape, 2000, mutant);
            let found = report.counted("lost, stale or back again") + report.counted("otherwise wrong");
            assert!(found > 0, "{} went unnoticed: {}", mutant.name(), report.json());
        }
    }
}
