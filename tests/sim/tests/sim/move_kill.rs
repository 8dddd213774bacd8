use std::time::Duration;

use larder_sim::move_kill::{Mutant, Options, Tally, run};
use larder_sim::place::Place;
use larder_sim::rng::fresh_seed;
use larder_sim::{clock, jobs};

use crate::program;

fn options(place: &Place, job: u64, kills: u64, mutant: Mutant) -> Options {
    let folder = place.path().join(format!("job{job}"));
    Options { folder, seed: fresh_seed(), kills, mutant, program: program() }
}

/// Fifty kills.
#[test]
fn what_is_killed_goes_on() {
    let place = Place::in_memory().unwrap();
    let one = |job: u64| run(&options(&place, job, 25, Mutant::None));
    let (tallies, took) = clock::timed(|| jobs::beside(2, &one));
    let mut all = Tally::default();
    tallies.unwrap().into_iter().for_each(|tally| all.add(tally));
    let report = all.report(0, took);
    report.assert_good();
    assert!(report.counted("kills") >= 50, "{}", report.json());
    assert!(report.counted("runs that went on behind another") > 1, "{}", report.json());
}

/// What is done behind a job's back is seen.
#[test]
fn mutants_are_found() {
    for mutant in Mutant::BROKEN {
        let place = Place::in_memory().unwrap();
        let options = options(&place, 0, 60, mutant);
        let tally = run(&options).unwrap();
        let report = tally.report(options.seed, Duration::ZERO);
        assert!(tally.wrong() > 0, "{} went unnoticed: {}", mutant.name(), report.json());
        let problem = &report.problems()[0];
        let seen = match mutant {
            Mutant::LostEntry => tally.removed().iter().any(|key| problem.contains(key.as_str())),
            _ => problem.contains("orrupt") || problem.contains("damaged"),
        };
        assert!(seen, "{problem}");
    }
}
