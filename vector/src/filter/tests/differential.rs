//! Filters on bytes against filters on trees, and on bytes that are damaged.

use fastrand::Rng;
use larder_store_core::cbor;

use super::super::{Filter, check_payload};
use super::random::{filter, payload};
use super::tree::holds;

#[test]
fn bytes_and_trees_say_the_same() {
    let mut rng = Rng::with_seed(1);
    let mut matched = 0;
    for case in 0..10_000 {
        let bytes = payload(&mut rng);
        check_payload(&bytes).unwrap_or_else(|e| panic!("case {case}: {e} in {bytes:02x?}"));
        let tree = (!bytes.is_empty()).then(|| cbor::decode(&bytes).expect("checked"));
        for _ in 0..4 {
            let filter = filter(&mut rng, 0);
            let expected = holds(&filter, tree.as_ref());
            assert_eq!(
                filter.compile().unwrap().matches(&bytes),
                expected,
                "case {case}: {} on {tree:?}, {bytes:02x?}",
                filter.to_json()
            );
            matched += usize::from(expected);
        }
    }
    // Neither answer is rare, or the cases would say little.
    assert!((8_000..32_000).contains(&matched), "{matched}");
}

#[test]
fn every_truncation_is_noticed() {
    let mut rng = Rng::with_seed(2);
    // Has to read all of the payload.
    let all = (!Filter::exists("nowhere")).compile().unwrap();
    for _ in 0..500 {
        let bytes = payload(&mut rng);
        let filters: Vec<_> = (0..4).map(|_| filter(&mut rng, 0).compile().unwrap()).collect();
        assert!(all.matches(&bytes));
        for len in 1..bytes.len() {
            let cut = &bytes[..len];
            assert!(check_payload(cut).is_err(), "{cut:02x?}");
            assert!(!all.matches(cut), "{cut:02x?}");
            for filter in &filters {
                filter.matches(cut);
            }
        }
    }
}

#[test]
fn damage_is_survived() {
    let mut rng = Rng::with_seed(3);
    let all = (!Filter::exists("nowhere")).compile().unwrap();
    for _ in 0..3_000 {
        let bytes = payload(&mut rng);
        if bytes.is_empty() {
            continue;
        }
        let filters: Vec<_> = (0..4).map(|_| filter(&mut rng, 0).compile().unwrap()).collect();
        for _ in 0..8 {
            let mut bytes = bytes.clone();
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..bytes.len());
                bytes[at] = if rng.bool() { bytes[at] ^ (1 << rng.u8(..8)) } else { rng.u8(..) };
            }
            for filter in &filters {
                filter.matches(&bytes);
            }
            if check_payload(&bytes).is_ok() {
                assert!(all.matches(&bytes), "{bytes:02x?}");
            }
        }
        let noise: Vec<u8> = (0..rng.usize(..64)).map(|_| rng.u8(..)).collect();
        assert!(check_payload(&noise).is_err() || all.matches(&noise), "{noise:02x?}");
    }
}

#[test]
fn lengths_that_lie_and_nesting_without_end() {
    let filter = Filter::or([Filter::eq("a.b", 1), !Filter::exists("c")]).compile().unwrap();
    let after = |start: &[u8], byte: u8| [start, &vec![byte; 1 << 20]].concat();
    let lies: [Vec<u8>; 9] = [
        after(b"\xa1\x61a", 0x81),
        after(b"\xa1\x61a", 0x9f),
        after(b"\xa1\x61a", 0xa1),
        after(b"\xa1", 0x81),
        after(b"\xa1\x61a", 0xc0),
        after(b"\xbb", 0xff),
        after(b"\xa1\x61a\x9b", 0xff),
        b"\xa1\x61a\x7b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        b"\xa1\x7b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
    ];
    for bytes in lies {
        assert!(check_payload(&bytes).is_err());
        assert!(!filter.matches(&bytes), "{:02x?}", &bytes[..12]);
    }
}
