//! Much data in little memory: a value up and down, in a child whose heap and stacks may have 128 MiB. The double is a
//! process of its own, and keeps bodies in files.
//!
//! `LARDER_GS_LARGE=5368709120` makes it 5 GiB instead of 256 MiB.

use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder::{Got, Key, PutOptions, Store};
use larder_cloud_tests::gs::{Apart, DoubleOptions};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::program::program;

const SIZE: &str = "LARDER_GS_LARGE";
const CHILD: &str = "LARDER_GS_LARGE_URL";
const LIMIT: u64 = 128 << 20;
const PIECE: usize = 256 << 10;

fn size() -> u64 {
    std::env::var(SIZE).map_or(256 << 20, |text| text.parse().unwrap())
}

/// The bytes of a piece tell which one it is.
fn piece(number: u64) -> Bytes {
    let mut bytes = vec![number as u8; PIECE];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes.into()
}

#[test]
fn streams_in_bounded_memory() {
    if let Ok(url) = std::env::var(CHILD) {
        return child(&url);
    }
    let folder = tempfile::tempdir().unwrap();
    let bodies = Some(folder.path().into());
    let options = DoubleOptions { bodies, buckets: vec!["large".into()], ..DoubleOptions::default() };
    let double = Apart::start(program(), &options, Duration::ZERO).unwrap();
    for hint in ["hint", "none"] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "large::streams_in_bounded_memory", "--nocapture"]);
        let output = child.env(CHILD, format!("{}#{hint}", double.url("large"))).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}\n{said}", String::from_utf8_lossy(&output.stdout));
    }
    // Nor does the double hold it.
    let status = std::fs::read_to_string(format!("/proc/{}/status", double.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 128 << 10, "the double took {peak} KiB");
}

fn child(url: &str) {
    let (url, hint) = url.rsplit_once('#').unwrap();
    setrlimit(Resource::Data, Rlimit { current: Some(LIMIT), maximum: Some(LIMIT) }).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = larder::open(url).await.unwrap();
        let (size, key) = (size(), Key::new("k").unwrap());
        let pieces = size / PIECE as u64;
        let mut options = PutOptions::new();
        options.size_hint = (hint == "hint").then_some(pieces * PIECE as u64);
        let body = stream::iter(0..pieces).map(|number| Ok(piece(number))).boxed();
        store.put_stream_opts(&key, body, &options).await.unwrap();
        let Got::Found { body, .. } = store.get_stream_opts(&key, &Default::default()).await.unwrap() else {
            panic!("it is not there");
        };
        let (mut number, mut rest) = (0, Vec::new());
        let mut body = body;
        while let Some(bytes) = body.try_next().await.unwrap() {
            rest.extend_from_slice(&bytes);
            while rest.len() >= PIECE {
                assert_eq!(rest[..PIECE], piece(number)[..], "piece {number}");
                rest.drain(..PIECE);
                number += 1;
            }
        }
        assert_eq!((number, rest.len()), (pieces, 0));
    });
}
