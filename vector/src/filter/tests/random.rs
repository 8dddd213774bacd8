//! Random payloads in random encodings, and random filters on them, from few keys and values, so that they meet.

use std::ops::Bound;

use fastrand::Rng;
use half::f16;

use super::super::{Filter, Path, Value};

const KEYS: [&str; 4] = ["a", "b", "c.d", "a key that is longer than the others"];
const INTS: [i128; 12] = [
    0,
    1,
    -1,
    2,
    300,
    -70_000,
    1 << 53,
    (1 << 53) + 1,
    i64::MIN as i128,
    i64::MIN as i128 - 1,
    u64::MAX as i128,
    -(1 << 64),
];
const FLOATS: [f64; 14] = [
    0.0,
    -0.0,
    1.0,
    2.0,
    0.5,
    1.5,
    -1.0,
    0.1,
    300.0,
    9_007_199_254_740_992.0,
    18_446_744_073_709_551_616.0,
    -18_446_744_073_709_551_616.0,
    1e300,
    f64::INFINITY,
];
const TEXTS: [&str; 6] = ["", "a", "b", "ab", "ä", "a text of more than twenty-three bytes"];

fn one<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

fn head(rng: &mut Rng, out: &mut Vec<u8>, major: u8, argument: u64) {
    let shortest = match argument {
        0..24 => 0,
        24..0x100 => 1,
        0x100..0x1_0000 => 2,
        0x1_0000..0x1_0000_0000 => 3,
        _ => 4,
    };
    match if rng.u8(..4) == 0 { rng.u8(shortest..=4) } else { shortest } {
        0 => out.push(major << 5 | argument as u8),
        1 => out.extend([major << 5 | 24, argument as u8]),
        width => {
            out.push(major << 5 | (23 + width));
            out.extend(&argument.to_be_bytes()[8 - (1 << (width - 1))..]);
        }
    }
}

fn string(rng: &mut Rng, out: &mut Vec<u8>, major: u8, mut bytes: &[u8]) {
    if rng.u8(..4) > 0 {
        head(rng, out, major, bytes.len() as u64);
        out.extend(bytes);
        return;
    }
    out.push(major << 5 | 31);
    while !bytes.is_empty() || rng.bool() {
        let mut len = rng.usize(..=bytes.len());
        while major == 3 && str::from_utf8(&bytes[..len]).is_err() {
            len += 1;
        }
        let (chunk, rest) = bytes.split_at(len);
        head(rng, out, major, chunk.len() as u64);
        out.extend(chunk);
        bytes = rest;
    }
    out.push(0xff);
}

fn tags(rng: &mut Rng, out: &mut Vec<u8>) {
    // Not 2 and 3, of which the decoder makes integers.
    while rng.u8(..8) == 0 {
        let tag = one(rng, &[0, 1, 32, 55799, u64::MAX]);
        head(rng, out, 6, tag);
    }
}

fn float(rng: &mut Rng, out: &mut Vec<u8>, it: f64) {
    let half = f16::from_f64(it);
    if half.to_f64() == it && rng.bool() {
        out.push(0xf9);
        out.extend(half.to_be_bytes());
    } else if f64::from(it as f32) == it && rng.bool() {
        out.push(0xfa);
        out.extend((it as f32).to_be_bytes());
    } else {
        out.push(0xfb);
        out.extend(it.to_be_bytes());
    }
}

fn container(
    rng: &mut Rng,
    out: &mut Vec<u8>,
    major: u8,
    len: usize,
    mut each: impl FnMut(&mut Rng, &mut Vec<u8>),
) {
    let definite = rng.bool();
    if definite {
        head(rng, out, major, len as u64);
    } else {
        out.push(major << 5 | 31);
    }
    for _ in 0..len {
        each(rng, out);
    }
    if !definite {
        out.push(0xff);
    }
}

fn map(rng: &mut Rng, out: &mut Vec<u8>, depth: usize) {
    let mut keys = KEYS;
    rng.shuffle(&mut keys);
    let mut keys = keys.into_iter();
    let len = rng.usize(..=KEYS.len());
    container(rng, out, 5, len, |rng, out| {
        if depth > 0 && rng.u8(..10) == 0 {
            item(rng, out, depth + 1);
        } else {
            tags(rng, out);
            let key = keys.next().expect("no more than there are");
            string(rng, out, 3, key.as_bytes());
        }
        item(rng, out, depth + 1);
    });
}

fn item(rng: &mut Rng, out: &mut Vec<u8>, depth: usize) {
    tags(rng, out);
    match rng.u8(..if depth < 4 { 11 } else { 8 }) {
        0 | 1 => {
            let it = one(rng, &INTS);
            let (major, argument) = if it < 0 { (1, -1 - it) } else { (0, it) };
            head(rng, out, major, u64::try_from(argument).expect("an integer of CBOR"));
        }
        2 => {
            let it = one(rng, &FLOATS);
            float(rng, out, it);
        }
        3 => {
            let it = [f64::NAN, f64::NEG_INFINITY, rng.f64()][rng.usize(..3)];
            float(rng, out, it);
        }
        4 | 5 => {
            let it = one(rng, &TEXTS);
            string(rng, out, 3, it.as_bytes());
        }
        6 => {
            let it = one(rng, &TEXTS);
            string(rng, out, 2, it.as_bytes());
        }
        7 => out.push(0xf4 + rng.u8(..4)),
        8 => map(rng, out, depth),
        _ => {
            let len = rng.usize(..4);
            container(rng, out, 4, len, |rng, out| item(rng, out, depth + 1));
        }
    }
}

pub(super) fn payload(rng: &mut Rng) -> Vec<u8> {
    let mut out = Vec::new();
    if rng.u8(..50) > 0 {
        tags(rng, &mut out);
        map(rng, &mut out, 0);
    }
    out
}

fn value(rng: &mut Rng) -> Value {
    match rng.u8(..9) {
        0 | 1 => Value::Int(one(rng, &INTS)),
        2 | 3 => Value::Float(one(rng, &FLOATS)),
        4 | 5 => Value::Text(one(rng, &TEXTS).into()),
        6 => Value::Bytes(one(rng, &TEXTS).into()),
        7 => Value::Bool(rng.bool()),
        _ => Value::Null,
    }
}

fn bound(rng: &mut Rng, texts: bool) -> Bound<Value> {
    let mut value = value(rng);
    while texts != matches!(value, Value::Text(_))
        || !matches!(value, Value::Text(_) | Value::Int(_) | Value::Float(_))
    {
        value = self::value(rng);
    }
    if rng.bool() { Bound::Included(value) } else { Bound::Excluded(value) }
}

pub(super) fn filter(rng: &mut Rng, depth: usize) -> Filter {
    let path = Path::from((0..rng.usize(1..=3)).map(|_| one(rng, &KEYS).to_owned()).collect::<Vec<_>>());
    match rng.u8(..if depth < 3 { 8 } else { 5 }) {
        0 | 1 => Filter::eq(path, value(rng)),
        2 => {
            let len = rng.usize(..8);
            Filter::is_in(path, (0..len).map(|_| value(rng)))
        }
        3 => {
            let texts = rng.bool();
            let (mut from, mut to) = (bound(rng, texts), bound(rng, texts));
            match rng.u8(..4) {
                0 => from = Bound::Unbounded,
                1 => to = Bound::Unbounded,
                _ => {}
            }
            Filter::Range { path, from, to }
        }
        4 => Filter::exists(path),
        5 => !filter(rng, depth + 1),
        6 => {
            let len = rng.usize(..4);
            Filter::and((0..len).map(|_| filter(rng, depth + 1)))
        }
        _ => {
            let len = rng.usize(..4);
            Filter::or((0..len).map(|_| filter(rng, depth + 1)))
        }
    }
}
