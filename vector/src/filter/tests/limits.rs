//! What is refused, and what the words of the docs say.

use std::ops::Bound;

use larder_store_core::ErrorKind;

use super::super::{Filter, MAX_DEPTH, MAX_NODES, MAX_PATH, MAX_VALUES, Path, Value};

fn why(filter: &Filter) -> String {
    let error = filter.compile().unwrap_err();
    assert!(error.is(ErrorKind::Invalid));
    error.why().to_owned()
}

fn nested(depth: usize) -> Filter {
    (1..depth).fold(Filter::exists("a"), |filter, i| if i % 2 == 0 { !filter } else { Filter::and([filter]) })
}

#[test]
fn depth_and_nodes() {
    nested(MAX_DEPTH).compile().unwrap();
    assert_eq!(why(&nested(MAX_DEPTH + 1)), "a filter nests at most 32 deep");
    let wide = |nodes| Filter::or((1..nodes).map(|_| Filter::exists("a")));
    wide(MAX_NODES).compile().unwrap();
    assert_eq!(why(&wide(MAX_NODES + 1)), "a filter has at most 1024 filters in it");
}

#[test]
fn paths() {
    for path in [Path::from(""), Path::from("a..b"), Path::from(Vec::new())] {
        assert!(why(&Filter::exists(path)).contains("has an empty key, or none"));
    }
    let long = |keys| Filter::exists(Path::from(vec!["a".to_owned(); keys]));
    long(MAX_PATH).compile().unwrap();
    assert_eq!(why(&long(MAX_PATH + 1)), "a path has at most 64 keys");
}

#[test]
fn values() {
    let many = |count: usize| Filter::is_in("a", 0..count as u64);
    let most = many(MAX_VALUES).compile().unwrap();
    assert!(most.matches(b"\xa1\x61a\x19\xff\xff") && !most.matches(b"\xa1\x61a\x20"));
    assert_eq!(why(&many(MAX_VALUES + 1)), "the filter for \"a\" has 65537 values, more than 65536");
    let nan = "the filter for \"a\" compares with a float that is not a number";
    assert_eq!(why(&Filter::eq("a", f64::NAN)), nan);
    assert_eq!(why(&Filter::is_in("a", [1.0, f64::NAN])), nan);
    assert_eq!(why(&Filter::range("a", f64::NAN..)), nan);
    assert!(why(&Filter::eq("a", 1_i128 << 64)).contains("18446744073709551616"));
    Filter::eq("a", -(1_i128 << 64)).compile().unwrap();
}

#[test]
fn ranges() {
    assert_eq!(why(&Filter::range::<i32>("a", ..)), "the filter for \"a\" is a range without bounds");
    let mixed = "the filter for \"a\" is a range whose bounds are not both numbers or both texts";
    let text = || Value::from("x");
    for filter in [
        Filter::range("a", text()..Value::from(1)),
        Filter::range("a", Value::from(1)..text()),
        Filter::range("a", Value::Null..),
        Filter::range("a", ..Value::Bool(true)),
        Filter::range("a", Value::Bytes(vec![])..text()),
    ] {
        assert_eq!(why(&filter), mixed);
    }
    let backwards = Filter::range("a", (Bound::Included(5), Bound::Excluded(1))).compile().unwrap();
    assert!((0..10).all(|it| !backwards.matches(&[0xa1, 0x61, b'a', it])));
}

#[test]
fn nothing_in_and_and_or() {
    for payload in [&b""[..], b"\xa0"] {
        let says = |filter: Filter| filter.compile().unwrap().matches(payload);
        assert!(says(Filter::and([])) && !says(Filter::or([])));
        assert!(says(!Filter::eq("a", 1)) && says(Filter::not(Filter::exists("a"))));
        assert!(!says(Filter::is_in("a", [0_u8; 0])));
    }
}

#[test]
fn null_and_emptiness_are_something() {
    for payload in
        [&b"\xa1\x61a\xf6"[..], b"\xa1\x61a\xf7", b"\xa1\x61a\x80", b"\xa1\x61a\x9f\xff", b"\xa1\x61a\xa0"]
    {
        assert!(Filter::exists("a").compile().unwrap().matches(payload));
        let null = Filter::eq("a", Value::Null).compile().unwrap().matches(payload);
        assert_eq!(null, matches!(payload[3], 0xf6 | 0xf7));
    }
}

#[test]
fn numbers_are_equal_by_value() {
    let big = [0xa1, 0x61, b'a', 0x1b, 0, 0x20, 0, 0, 0, 0, 0, 1]; // 2^53 + 1
    let says = |filter: Filter, payload: &[u8]| filter.compile().unwrap().matches(payload);
    assert!(says(Filter::eq("a", (1_i64 << 53) + 1), &big));
    assert!(!says(Filter::eq("a", (1_i64 << 53) as f64), &big));
    assert!(says(Filter::range("a", (1_i64 << 53) as f64..), &big));
    assert!(!says(Filter::range("a", ..=(1_i64 << 53) as f64), &big));
    for one in [
        &b"\xa1\x61a\x01"[..],
        b"\xa1\x61a\xf9\x3c\x00",
        b"\xa1\x61a\xfa\x3f\x80\0\0",
        b"\xa1\x61a\x19\0\x01",
    ] {
        assert!(says(Filter::eq("a", 1), one) && says(Filter::eq("a", 1.0_f32), one));
        assert!(!says(Filter::eq("a", true), one) && !says(Filter::eq("a", "1"), one));
    }
    let nan = b"\xa1\x61a\xf9\x7e\x00";
    assert!(says(Filter::exists("a"), nan) && !says(Filter::range("a", f64::NEG_INFINITY..), nan));
}

#[test]
fn damage_is_no_match_for_a_not_either() {
    for payload in
        [&b"\xa1\x61a"[..], b"\xa1\x61a\x1c", b"\x80", b"\x01", b"\xff", b"\xbf\x61b\x01", b"\xbf\x61b\xff"]
    {
        assert!(!(!Filter::eq("a", "x")).compile().unwrap().matches(payload), "{payload:02x?}");
        assert!(!Filter::eq("a", "x").compile().unwrap().matches(payload), "{payload:02x?}");
    }
}
