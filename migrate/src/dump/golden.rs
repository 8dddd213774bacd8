//! The golden dumps: made by another program from `docs/format.md`, read and written here.

use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use larder_store_core::{Call, Env};

use super::encoding::Encoding;
use super::head::Consistency;
use super::segment::{self, Last, Piece, Segment};
use super::{DumpPlace, DumpReader};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

async fn read(name: &str) -> Vec<Segment> {
    let place = DumpPlace::file(golden(name));
    let mut reader = DumpReader::open(Env::system(), place, Call::default()).await.unwrap();
    let mut segments = Vec::new();
    while let Some((_, segment)) = reader.next().await.unwrap_or_else(|e| panic!("{name}: {e}")) {
        segments.push(segment);
    }
    reader.check_end().unwrap();
    segments
}

/// Writes segments as they were read.
fn write(segments: &[Segment], encoding: Encoding) -> Vec<u8> {
    let (mut running, mut dump) = ([0; 32], Vec::new());
    for segment in segments {
        let mut content = Vec::new();
        let mut proofs = encoding.encode(segment.header.as_ref(), &segment.pieces, &mut content);
        proofs.extend(segment::proof_of_last(&segment.last));
        running = segment::run_on(&running, &proofs);
        dump.extend(encoding.finish(&mut content, &segment.last, &running).unwrap());
    }
    dump
}

#[tokio::test]
async fn every_form_is_read_and_written_as_it_stands() {
    let plain = read("v1.cbor").await;
    assert_eq!(write(&plain, Encoding::Plain), std::fs::read(golden("v1.cbor")).unwrap());
    let lines = String::from_utf8(write(&plain, Encoding::JsonLines)).unwrap();
    assert_eq!(lines, std::fs::read_to_string(golden("v1.jsonl")).unwrap());
    for name in ["v1.larder", "v1.jsonl"] {
        let segments = read(name).await;
        assert_eq!(write(&segments, Encoding::Plain), std::fs::read(golden("v1.cbor")).unwrap(), "{name}");
    }
    let parts = read("v1-parts").await;
    let both: Vec<u8> =
        ["v1-parts.0001", "v1-parts.0002"].iter().flat_map(|n| std::fs::read(golden(n)).unwrap()).collect();
    assert_eq!(write(&parts, Encoding::Plain), both);
}

#[tokio::test]
async fn it_holds_what_the_page_says() {
    let segments = read("v1.larder").await;
    let header = segments[0].header.as_ref().unwrap();
    assert_eq!(
        (header.id[15], header.source.as_str(), header.writer.as_str()),
        (15, "memory:golden", "golden 1")
    );
    let pieces: Vec<_> = segments.iter().flat_map(|s| &s.pieces).collect();
    let Piece::Entry(greeting) = pieces[1] else { panic!("{:?}", pieces[1]) };
    assert_eq!(greeting.value, "hello, wörld");
    assert_eq!(greeting.facts.attributes.get("note"), Some("Grüße"));
    assert_eq!(greeting.facts.expires, Some(UNIX_EPOCH + Duration::new(4_102_444_800, 123_456_789)));
    let Piece::Chunk(chunk, _) = pieces[5] else { panic!("{:?}", pieces[5]) };
    assert_eq!(chunk, &Bytes::from_static(b"\x00\xff"));
    let Last::Trailer(trailer) = &segments[1].last else { panic!("{:?}", segments[1].last) };
    assert_eq!((trailer.totals.entries, trailer.totals.bytes), (6, 299));
    assert_eq!((trailer.consistency, trailer.left_out["no entry"]), (Consistency::Snapshot, 3));
}
