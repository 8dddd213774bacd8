//! What is a payload, and what is none.

use larder_store_core::{ErrorKind, cbor};

use super::super::{MAX_ITEMS, check_payload};

fn why(bytes: &[u8]) -> String {
    let error = check_payload(bytes).unwrap_err();
    assert!(error.is(ErrorKind::Invalid));
    error.why().strip_prefix("a payload has ").expect("how it starts").to_owned()
}

#[test]
fn payloads() {
    for bytes in [
        &b""[..],
        b"\xa0",
        b"\xbf\xff",
        b"\xd9\xd9\xf7\xa0",
        b"\xbf\x7f\x61a\x60\xff\x5f\x41\0\xff\xff",
        b"\xa1\x61a\xa2\x01\x02\x01\x02",
        b"\xa1\x61a\xf8\x20",
        b"\xa2\x61a\xf9\x7e\x00\x61b\xf7",
    ] {
        check_payload(bytes).unwrap();
    }
}

#[test]
fn each_fault_and_where_it_is() {
    for (bytes, expected) in [
        (&b"\x80"[..], "another item than a map at byte 0"),
        (b"\xc1\x01", "another item than a map at byte 0"),
        (b"\xa1\x01\x02", "a key that is no text at byte 1"),
        (b"\xa1\x41a\x02", "a key that is no text at byte 1"),
        (b"\xa2\x61a\x01\x61a\x02", "a key for the second time at byte 4"),
        (b"\xa2\x61a\x01\x7f\x61a\xff\x02", "a key for the second time at byte 4"),
        (b"\xa0\x00", "bytes behind its item at byte 1"),
        (b"\xa1\x62\xc3\x28\x01", "a text that is not UTF-8 at byte 1"),
        (b"\xa1\x61a\x62\xc3\x28", "a text that is not UTF-8 at byte 3"),
        (b"\xa1\x61a\x7f\x61\xc3\x61\xa4\xff", "a text that is not UTF-8 at byte 3"),
        (b"\xa1\x61a", "the end within an item at byte 3"),
        (b"\xa1\x61a\x19\0", "the end within an item at byte 4"),
        (b"\xa1\x61a\x1c", "an initial byte that CBOR does not know at byte 4"),
        (b"\xa1\x61a\x1f", "an initial byte that CBOR does not know at byte 4"),
        (b"\xa1\x61a\xfc", "an initial byte that CBOR does not know at byte 3"),
        (b"\xa1\x61a\xf8\x1f", "a simple value in a form that CBOR forbids at byte 3"),
        (b"\xa1\x61a\xff", "a break that ends nothing at byte 3"),
        (b"\xbf\x61a\xff", "a break that ends nothing at byte 3"),
        (b"\xbf\x61a\x01", "the end where a break is missing at byte 4"),
        (b"\xa1\x61a\x7f\x41b\xff", "a chunk of another type than its string at byte 4"),
        (b"\xa1\x61a\x7f\x7f\xff\xff", "a chunk of another type than its string at byte 4"),
    ] {
        assert_eq!(why(bytes), expected, "{bytes:02x?}");
    }
}

#[test]
fn nesting() {
    for (open, close) in [(0x81, None), (0x9f, Some(0xff)), (0xc0, None)] {
        let nested = |depth: usize| {
            let mut bytes = b"\xa1\x61a".to_vec();
            bytes.extend(vec![open; depth - 1]);
            bytes.push(0);
            bytes.extend(close.map_or(vec![], |close| vec![close; depth - 1]));
            bytes
        };
        check_payload(&nested(cbor::MAX_DEPTH)).unwrap();
        assert!(why(&nested(cbor::MAX_DEPTH + 1)).starts_with("a nesting deeper than 64 at byte 6"));
    }
}

#[test]
fn items() {
    let head = |major: u8, count: usize| [&[major << 5 | 25][..], &(count as u16).to_be_bytes()].concat();
    let array = |count| [b"\xa1\x61a", &head(4, count)[..], &vec![0; count]].concat();
    let pairs =
        |count: usize| (0..count).flat_map(|i| [&b"\x65"[..], format!("{i:05}").as_bytes(), &[0]].concat());
    let map = |count| head(5, count).into_iter().chain(pairs(count)).collect::<Vec<u8>>();
    let endless = |count| b"\xbf".iter().copied().chain(pairs(count)).chain([0xff]).collect::<Vec<u8>>();
    for bytes in [array(MAX_ITEMS), map(MAX_ITEMS), endless(MAX_ITEMS)] {
        check_payload(&bytes).unwrap();
    }
    let more = "more than 16384 elements or pairs in the array or map at byte";
    assert_eq!(why(&array(MAX_ITEMS + 1)), format!("{more} 3"));
    assert_eq!(why(&map(MAX_ITEMS + 1)), format!("{more} 0"));
    assert_eq!(why(&endless(MAX_ITEMS + 1)), format!("{more} 0"));
}
