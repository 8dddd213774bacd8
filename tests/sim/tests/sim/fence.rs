use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Stdio;

use larder_sim::fence::{attach, cost, cut, damage, file, kills, open, stack};
use larder_sim::place::Place;
use larder_sim::process::Running;
use larder_sim::rng::fresh_seed;
use larder_store_core::{Env, ErrorKind};

use crate::program;

#[test]
fn opening_and_writing_cost_what_they_may() {
    let place = Place::new(None).unwrap();
    let (seed, lenient) = (fresh_seed(), cfg!(debug_assertions));
    let folder = place.path();
    let options =
        open::Options { folder, rounds: 20, keys: 100_000, writes: 100, seed, lenient, program: program() };
    let report = open::run(&options).unwrap();
    report.assert_good();
    assert!(report.counted("slots in doubt at the end") > 1000, "{}", report.json());
    let report = cost::run(&place.path(), 20_000, seed, lenient).unwrap();
    report.assert_good();
    let report = stack::run(&place.path(), 2_000, seed, lenient).unwrap();
    report.assert_good();
}

#[test]
fn what_the_dead_had_open_is_in_doubt_and_nothing_else() {
    let place = Place::in_memory().unwrap();
    let options = kills::Options {
        folder: place.path(),
        kills: 150,
        processes: 8,
        seed: fresh_seed(),
        program: program(),
    };
    let report = kills::run(&options).unwrap();
    report.assert_good();
    assert!(report.counted("kills") >= 150);
    assert!(report.counted("slots in which it was open") > 10, "{}", report.json());
    assert!(report.counted("slots that stayed clean") > 10, "{}", report.json());
}

#[test]
fn a_damaged_fence_file_serves_nothing_old() {
    let place = Place::in_memory().unwrap();
    let report = damage::run(place.path(), 600, fresh_seed()).unwrap();
    report.assert_good();
    assert!(report.counted("hits") > 600, "{}", report.json());
    assert!(report.counted("tables made anew") > 0, "{}", report.json());
}

#[test]
fn fence_file_truncated_while_open() {
    let place = Place::in_memory().unwrap();
    let report = cut::run(place.path(), 20, fresh_seed(), &program()).unwrap();
    report.assert_good();
    assert_eq!(report.counted("made anew"), 20);
}

#[test]
fn fence_file_deleted_while_open() {
    let place = Place::in_memory().unwrap();
    let fence = file(&place.path().join("fence"), 1024, Env::system());
    let table = attach(&fence).unwrap();
    let stamp = table.fill(&table.lease(3)).unwrap();
    std::fs::remove_file(&fence.path).unwrap();
    // Nobody else would see this write.
    assert_eq!(table.open_write(3).unwrap_err().kind(), ErrorKind::Unavailable);
    let next = attach(&fence).unwrap();
    assert!(!next.serves(&next.lease(3), &stamp));
    assert!(next.open_write(3).unwrap().answered().is_some());
}

#[test]
fn fence_file_flipped_while_open() {
    let place = Place::in_memory().unwrap();
    let fence = file(&place.path().join("fence"), 1, Env::system());
    let table = attach(&fence).unwrap();
    let old = table.fill(&table.lease(0)).unwrap();
    table.open_write(0).unwrap().answered();
    let raw = File::options().read(true).write(true).open(&fence.path).unwrap();
    for byte in 0..raw.metadata().unwrap().len() {
        let mut is = [0];
        raw.read_exact_at(&mut is, byte).unwrap();
        for bit in 0..8 {
            raw.write_all_at(&[is[0] ^ 1 << bit], byte).unwrap();
            let lease = table.lease(0);
            assert!(!table.serves(&lease, &old), "bit {bit} of byte {byte}");
            raw.write_all_at(&is, byte).unwrap();
        }
    }
}

/// Sixteen processes have it open; the next one is refused, and taken when one of them is dead.
#[test]
fn a_17th_process() {
    let place = Place::in_memory().unwrap();
    let path = place.path().join("fence");
    let fence = file(&path, 1024, Env::system());
    let mut children: Vec<Running> = (0..16)
        .map(|n| {
            let seed = n.to_string();
            let args =
                ["--path", path.to_str().unwrap(), "--slots", "1024", "--writes", "1", "--seed", &seed];
            let mut command = program().role("role-fence-holder", args);
            let mut child = Running::begin(command.stdout(Stdio::piped())).unwrap();
            let mut pipe = child.child().stdout.take().unwrap();
            assert_eq!(std::io::Read::read(&mut pipe, &mut [0]).unwrap(), 1);
            child
        })
        .collect();
    let refused = fence.try_attach().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.why().contains("16 processes are attached"), "{refused}");
    children[5].kill().unwrap();
    children[5].wait().unwrap();
    let table = attach(&fence).unwrap();
    assert!(fence.try_attach().is_err());
    assert!(table.open_write(3).unwrap().slot() == 3);
}
