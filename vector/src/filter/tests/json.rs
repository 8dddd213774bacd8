//! Filters as JSON, there and back.

use fastrand::Rng;

use super::super::{Filter, Path, Value};
use super::random;

#[test]
fn there_and_back() {
    let mut rng = Rng::with_seed(4);
    for _ in 0..10_000 {
        let filter = random::filter(&mut rng, 0);
        let json = filter.to_json();
        assert_eq!(Filter::from_json(&json).unwrap(), filter, "{json}");
    }
    for _ in 0..10_000 {
        let float = f64::from_bits(rng.u64(..));
        if !float.is_nan() {
            let filter = Filter::eq("a", float);
            assert_eq!(Filter::from_json(&filter.to_json()).unwrap(), filter);
        }
    }
}

#[test]
fn words() {
    for (json, filter) in [
        (r#"{"eq":{"lang":"en"}}"#, Filter::eq("lang", "en")),
        (r#"{"eq":{"a\\.b.c":null}}"#, Filter::eq(["a.b", "c"], Value::Null)),
        (r#"{"eq":{"a":-18446744073709551615}}"#, Filter::eq("a", -18_446_744_073_709_551_616.0)),
        (
            r#"{"eq":{"a":{"int":"-18446744073709551615"}}}"#,
            Filter::eq("a", -18_446_744_073_709_551_615_i128),
        ),
        (r#"{"eq":{"a":{"bytes":"00Ff"}}}"#, Filter::eq("a", vec![0, 255])),
        (r#"{"eq":{"a":{"float":"-inf"}}}"#, Filter::eq("a", f64::NEG_INFINITY)),
        (r#"{"in":{"lang":["en","de"]}}"#, Filter::is_in("lang", ["en", "de"])),
        (r#"{"in":{"lang":[]}}"#, Filter::is_in("lang", [""; 0])),
        (r#"{"range":{"year":{"lt":2022,"gte":2019}}}"#, Filter::range("year", 2019..2022)),
        (r#"{"range":{"year":{"lte":2022}}}"#, Filter::range("year", ..=2022)),
        (r#"{"exists":"a.b"}"#, Filter::exists(["a", "b"])),
        (r#"{"and":[{"or":[]},{"not":{"and":[]}}]}"#, Filter::and([Filter::or([]), !Filter::and([])])),
    ] {
        assert_eq!(Filter::from_json(json).unwrap(), filter, "{json}");
    }
    assert_eq!(Filter::exists(Path::from([r"a.b\c"])).to_json(), r#"{"exists":"a\\.b\\\\c"}"#);
}

#[test]
fn what_is_refused() {
    for (json, part) in [
        ("", "a filter is not JSON"),
        (r#"{"exists":"a"} x"#, "a filter is not JSON"),
        ("[]", "a filter is an object, not an array"),
        ("{}", "a filter is an object with one word, not with []"),
        (
            r#"{"exists":"a","exists":"b"}"#,
            r#"a filter is an object with one word, not with ["exists", "exists"]"#,
        ),
        (
            r#"{"near":{}}"#,
            r#"the word "near" of a filter is unknown: there are "eq", "in", "range", "exists", "and", "or" and "not""#,
        ),
        (
            r#"{"range":{"a":{"le":1}}}"#,
            r#"the word "le" of a range is unknown: there are "gt", "gte", "lt" and "lte""#,
        ),
        (
            r#"{"range":{"a":{"gt":1,"gte":2}}}"#,
            r#"the word "gte" of a range is its second bound on that side"#,
        ),
        (r#"{"range":{"a":1}}"#, "a range is an object, not a number"),
        (r#"{"eq":{"a":[1]}}"#, "a value is a text, a number, a boolean or null, not an array"),
        (r#"{"eq":{"a":{"date":"1"}}}"#, r#"the word "date" of a value is unknown"#),
        (r#"{"eq":{"a":{"bytes":"0"}}}"#, r#"the value "0" does not say "bytes""#),
        (r#"{"eq":{"a":{"bytes":"+1"}}}"#, r#"the value "+1" does not say "bytes""#),
        (r#"{"eq":{"a":{"int":1}}}"#, r#"what "int" is of is a text, not a number"#),
        (r#"{"eq":{"a":1,"b":2}}"#, r#"what "eq" is of is an object with one word, not with ["a", "b"]"#),
        (r#"{"in":{"a":1}}"#, r#"what a path is "in" is an array, not a number"#),
        (r#"{"exists":["a"]}"#, r#"what "exists" is of is a text, not an array"#),
        (r#"{"and":{}}"#, r#"what "and" is of is an array, not an object"#),
        (r#"{"eq":{"a":1e999}}"#, "a filter is not JSON"),
    ] {
        let error = Filter::from_json(json).unwrap_err();
        assert!(error.why().starts_with(part), "{json}: {error}");
    }
    let deep = format!("{}{}", r#"{"not":"#.repeat(100_000), "}".repeat(100_000));
    assert!(Filter::from_json(&deep).unwrap_err().why().contains("recursion limit"));
}

#[test]
fn the_deepest_filter_fits() {
    let deepest = (1..super::super::MAX_DEPTH).fold(Filter::eq("a", vec![1_u8]), |filter, i| {
        if i % 2 == 0 { Filter::or([filter]) } else { Filter::and([filter]) }
    });
    deepest.compile().unwrap();
    assert_eq!(Filter::from_json(&deepest.to_json()).unwrap(), deepest);
}
