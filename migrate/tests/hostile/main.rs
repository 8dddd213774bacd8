//! Dumps that were made to do harm: refused fast, and in little memory.

mod made;
mod sys;

use std::io::{Cursor, Read};
use std::sync::Arc;
use std::time::Duration;

use larder_migrate::{DumpPlace, JobOptions, MAX_SEGMENT, WriteOptions, check, import};
use larder_store_core::{Env, ErrorKind, Store};
use made::Made;

/// What a refusal may take besides what one segment may.
const BESIDES: usize = 1 << 20;

/// The first line of a dump as lines.
const HEADER: &str = concat!(
    r#"{"dump":1,"id":"00000000000000000000000000000000","source":"s","started":0,"writer":"w","part":0,"#,
    r#""totals":{"entries":0,"bytes":0,"expiring":0,"attributed":0,"longest_key":0,"largest_value":0,"#,
    r#""most_attributes":0},"after":null,"before":"0000000000000000000000000000000000000000000000000000000000000000"}"#
);

/// How long it may take: tests are not optimised, and others run beside them.
const TIME: Duration = Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 10 });

async fn empty() -> Arc<dyn Store> {
    larder_store_backends::registry().open_url("memory:", &Default::default()).await.unwrap()
}

/// One test at a time: what is counted is the process's.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What a bomb may take.
#[derive(Clone, Copy)]
struct Most {
    memory: usize,
    time: Duration,
}

/// As little as a small one may.
const LITTLE: Most = Most { memory: MAX_SEGMENT + BESIDES, time: TIME };

/// What a segment may take whose entries have as many attributes as it can hold.
const ATTRIBUTES: Most = Most { memory: MAX_SEGMENT + 4 * BESIDES, time: TIME };

/// What a line may take that is as long as lines can be, some 8.4 MiB: its buffer grows by doubling. It is not small, and is all read.
const LONG: Most = Most { memory: 26 << 20, time: TIME.saturating_mul(10) };

/// Imports and checks it: it must be refused, and how much memory and time that took be within what it may.
async fn refused(name: &str, most: Most, open: impl Fn() -> Box<dyn Read + Send>) {
    let env = Env::system();
    // What is set up once for all is not the bomb's.
    let warm = Made::new().out;
    let _ = check(DumpPlace::input(Cursor::new(made::frame(&warm))), &JobOptions::new()).await;
    let mut fastest = Duration::MAX;
    for round in 0..3 {
        // Segments behind the one that was refused may still be taken apart, and are not this round's.
        while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
        let (target, input) = (empty().await, open());
        let options = WriteOptions::new().with_job(JobOptions::new().with_preflight(false));
        let began = env.now();
        let work = async {
            match round {
                0 => check(DumpPlace::input(input), &JobOptions::new()).await.map(drop),
                _ => import(DumpPlace::input(input), target, &options).await.map(drop),
            }
        };
        let (done, memory) = sys::most_of(work).await;
        let took = env.now().duration_since(began);
        fastest = fastest.min(took);
        let error = done.expect_err(name);
        println!("{name}: {memory} bytes, {took:?}: {error}");
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::Invalid),
            "{name}: {error}"
        );
        assert!(memory <= most.memory, "{name} took {memory} bytes, and {} are allowed", most.memory);
    }
    assert!(fastest <= most.time, "{name} took {fastest:?}");
}

fn of(bytes: Vec<u8>) -> impl Fn() -> Box<dyn Read + Send> {
    move || Box::new(Cursor::new(bytes.clone()))
}

/// A dump of one segment, its bytes and the same in a frame.
async fn both(name: &str, most: Most, made: Made) {
    refused(&format!("{name}, framed"), most, of(made::frame(&made.out))).await;
    refused(&format!("{name}, plain"), most, of(made.out)).await;
}

#[tokio::test]
async fn cbor_that_is_nested() {
    let _alone = ALONE.lock().await;
    for item in [0x81, 0xa1, 0xc1, 0xd9] {
        let mut made = Made::new();
        made.out.extend(std::iter::repeat_n(item, 7 << 20));
        both(&format!("nested {item:x}"), LITTLE, made).await;
        // In a field of the header, which is passed over.
        let mut out = vec![0xd9, 0xd9, 0xf7, 0x82, 0x00, 0xa1, 0x61, b'x'];
        out.extend(std::iter::repeat_n(item, 100_000));
        refused(&format!("nested {item:x} in the header"), LITTLE, of(made::frame(&out))).await;
        refused(&format!("nested {item:x} in the header, plain"), LITTLE, of(out)).await;
    }
}

#[tokio::test]
async fn heads_that_claim_more_than_there_is() {
    let _alone = ALONE.lock().await;
    for n in [1 << 63, u64::MAX, 1 << 32, (1 << 62) + 1] {
        for major in [2, 3, 4, 5, 6] {
            let claim = |before: &[u8]| {
                let mut made = Made::new();
                made.out.extend(before);
                made::head(&mut made.out, major, n);
                made.out.extend([0; 64]);
                made.checkpoint();
                made
            };
            // As an item, as a key, as facts, as a value, as a chunk, as a trailer.
            let before: [&[u8]; 6] = [
                &[],
                &[0x85, 1],
                &[0x85, 1, 0x61, b'k'],
                &[0x85, 1, 0x61, b'k', 0xa0],
                &[0x82, 3],
                &[0x83, 6],
            ];
            for (at, before) in before.into_iter().enumerate() {
                both(&format!("{n} of major type {major} at {at}"), LITTLE, claim(before)).await;
            }
        }
        // A value in chunks that says that it is enormous.
        let mut made = Made::new();
        made.begin("k", n);
        made.chunk(b"not so many");
        made.checkpoint();
        both(&format!("a value of {n} bytes"), LITTLE, made).await;
    }
}

#[tokio::test]
async fn frames_that_inflate() {
    let _alone = ALONE.lock().await;
    // 10 GiB of zeroes in a kilobyte is more than one frame of zstd's own can do: 40 KiB are needed.
    let blocks = |descriptor: u8, fields: &[u8], size: u64| {
        let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, descriptor];
        out.extend(fields);
        made::repeats(&mut out, 0, size);
        out.extend([0; 4]);
        out
    };
    let ten = 10 << 30;
    let single = 0b1110_0100;
    // A true size.
    refused("a true size", LITTLE, of(blocks(single, &u64::to_le_bytes(ten), ten))).await;
    // A false one: as large as may be, less than that, none.
    for claim in [MAX_SEGMENT as u64, 1, 0] {
        let bomb = blocks(single, &claim.to_le_bytes(), ten);
        refused(&format!("{claim} for its size"), LITTLE, of(bomb)).await;
    }
    // None, and a window: the smallest, one of 2^31 bytes, the largest.
    for window in [0, (31 - 10) << 3, 0xff] {
        refused(&format!("a window {window}"), LITTLE, of(blocks(0b0000_0100, &[window], ten))).await;
        // A size, and a window besides.
        let fields = [&[window][..], &u64::to_le_bytes(MAX_SEGMENT as u64)].concat();
        refused(
            &format!("a size, a window {window}"),
            LITTLE,
            of(blocks(0b1100_0100, &fields, MAX_SEGMENT as u64)),
        )
        .await;
    }
    // As much as may be, again and again: each is looked at for itself.
    let one = made::frame(&vec![0; MAX_SEGMENT]);
    refused("many frames", LITTLE, of(one.repeat(1000))).await;
    // Behind a frame that is right, several are looked at at once.
    let mut made = Made::new();
    made.checkpoint();
    let several = Most { memory: 5 * MAX_SEGMENT + BESIDES, time: TIME };
    refused("many frames behind one", several, of([made::frame(&made.out), one.repeat(1000)].concat())).await;
    // What zstd makes itself, with a window as large as it can.
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.set_parameter(zstd::zstd_safe::CParameter::EnableLongDistanceMatching(true)).unwrap();
    encoder.window_log(27).unwrap();
    std::io::copy(&mut std::io::repeat(0).take(64 << 20), &mut encoder).unwrap();
    refused("zstd's own, long", LITTLE, of(encoder.finish().unwrap())).await;
}

#[tokio::test]
async fn frames_that_are_skipped() {
    let _alone = ALONE.lock().await;
    for magic in [0x50, 0x5f] {
        for size in [u32::MAX, 0, 1 << 20] {
            let mut bomb = vec![magic, 0x2a, 0x4d, 0x18];
            bomb.extend(size.to_le_bytes());
            let first = bomb.clone();
            refused(&format!("{size} to be skipped"), LITTLE, move || {
                Box::new(Cursor::new(first.clone()).chain(std::io::repeat(0)))
            })
            .await;
            // Behind a frame that is right.
            let mut made = Made::new();
            made.checkpoint();
            let second = [made::frame(&made.out), bomb].concat();
            refused(&format!("{size} to be skipped behind a frame"), LITTLE, move || {
                Box::new(Cursor::new(second.clone()).chain(std::io::repeat(0)))
            })
            .await;
        }
    }
}

#[tokio::test]
async fn lines_that_have_no_end() {
    let _alone = ALONE.lock().await;
    for first in [
        &b"{\"dump\":1,\"id\":\""[..],
        b"{\"key\":\"k\",\"text\":\"",
        b"{\"dump\":1}\n{\"key\":\"k\",\"text\":\"",
    ] {
        refused("a line without an end", LONG, move || Box::new(made::endless(first, b'x'))).await;
    }
}

#[tokio::test]
async fn json_that_is_nested() {
    let _alone = ALONE.lock().await;
    for (open, header) in [("[", true), ("{\"a\":", true), ("[", false), ("{\"a\":", false)] {
        let first = if header { "{\"dump\":" } else { "{\"key\":\"k\",\"text\":\"x\",\"attributes\":" };
        let line = format!("{first}{}\n", open.repeat(100_000));
        refused(&format!("nested {open} {header}"), LITTLE, of(line.clone().into_bytes())).await;
        let more = format!("{line}{{\"checkpoint\":\"\"}}\n");
        refused(&format!("nested {open} {header} and more"), LITTLE, of(more.into_bytes())).await;
    }
}

/// Many small things that a kilobyte of zstd may hold: what is kept of each must not add up to much more than the segment.
#[tokio::test]
async fn many_small_items() {
    let _alone = ALONE.lock().await;
    let times = |item: &[u8]| {
        let mut made = Made::new();
        let fits = (MAX_SEGMENT - made.out.len() - 64) / item.len();
        made.out.extend(item.repeat(fits));
        made
    };
    // Abandoned, over and over; chunks of a byte; begun, over and over; ended, over and over.
    both("abandoned", LITTLE, times(&[0x81, 7])).await;
    both("chunks", LITTLE, times(&[0x82, 3, 0x41, 0])).await;
    both("begun", LITTLE, times(&[0x84, 2, 0x61, b'k', 0xa0, 0])).await;
    let end = [&[0x82, 4, 0x58, 32][..], &[0; 32]].concat();
    both("ended", LITTLE, times(&end)).await;
    // Entries whose digests are right.
    let mut one = Made::default();
    one.entry("k", &[0xa0], b"");
    both("entries", LITTLE, times(&one.out)).await;
}

/// Attributes without number, in a segment that is right else.
#[tokio::test]
async fn many_attributes() {
    let _alone = ALONE.lock().await;
    let count = 500_000u32;
    let mut facts = Vec::new();
    made::head(&mut facts, 5, 1);
    made::text(&mut facts, "attributes");
    made::head(&mut facts, 5, u64::from(count));
    for n in 0..count {
        made::text(&mut facts, &format!("{n:06}"));
        made::text(&mut facts, "");
    }
    let mut made = Made::new();
    made.entry("k", &facts, b"");
    made.checkpoint();
    both("attributes", ATTRIBUTES, made).await;
    // And as lines.
    let attributes: Vec<_> = (0..count).map(|n| format!("\"{n}\":\"\"")).collect();
    let line = format!("{{\"key\":\"k\",\"text\":\"\",\"attributes\":{{{}}}}}\n", attributes.join(","));
    refused("attributes in a line", LONG, of(line.clone().into_bytes())).await;
    refused(
        "attributes in a dump",
        LONG,
        of(format!("{HEADER}\n{line}{{\"checkpoint\":\"\"}}\n").into_bytes()),
    )
    .await;
}

/// Lines that are long, and lists and objects in them that nobody asked for.
#[tokio::test]
async fn lines_that_are_wide() {
    let _alone = ALONE.lock().await;
    for (name, inside) in [
        ("a list", format!("[{}0]", "0,".repeat(3 << 20))),
        ("objects", format!("[{}{{}}]", "{},".repeat(2 << 20))),
        ("fields", format!("{{{}\"a\":0}}", (0..600_000).map(|n| format!("\"{n}\":0,")).collect::<String>())),
    ] {
        for line in [
            format!("{{\"key\":\"k\",\"text\":\"x\",\"other\":{inside}}}\n"),
            format!("{{\"key\":\"k\",\"text\":{inside}}}\n"),
        ] {
            refused(name, LONG, of(line.clone().into_bytes())).await;
            refused(name, LONG, of(format!("{HEADER}\n{line}{{\"checkpoint\":\"\"}}\n").into_bytes())).await;
        }
    }
}
