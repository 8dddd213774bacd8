use larder_sim::hostile::{Options, run};
use larder_sim::place::Place;
use larder_sim::rng::fresh_seed;
use larder_sim::stores::{Kind, block_on};

fn keys(kind: Kind, params: &str, keys: u64) {
    let place = Place::new(None).unwrap();
    let options = Options { kind, params: params.to_owned(), folder: place.path(), keys, seed: fresh_seed() };
    let report = block_on(run(&options)).unwrap();
    report.assert_good();
    assert!(report.counted("places outside that keys name") > keys / 50 || !kind.is_on_disk());
}

#[test]
#[cfg(feature = "memory")]
fn memory() {
    keys(Kind::Memory, "", 20_000);
}

#[test]
#[cfg(feature = "file")]
fn file() {
    keys(Kind::File, "sync=none", 20_000);
}

#[test]
#[cfg(feature = "lmdb")]
fn lmdb() {
    keys(Kind::Lmdb, "sync=none", 20_000);
}
