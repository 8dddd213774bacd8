//! Values in parts: of 256 MiB, up and down in bounded memory, and what is said when one fails.

use std::process::Command;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder::{ByteRange, ErrorKind, Key, PutOptions, Store, StoreExt};
use larder_cloud_tests::redis::Server;

const URL: &str = "LARDER_REDIS_LARGE";
const TEST: &str = "large::values_in_bounded_memory";
const SIZE: usize = 256 << 20;
const PIECE: usize = 64 << 10;

fn piece(number: usize) -> Bytes {
    (0..PIECE).map(|i| (i * 31 + number * 7) as u8).collect::<Vec<_>>().into()
}

/// The most memory that this process ever had, in bytes.
fn most() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<usize>().unwrap() << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn values_in_bounded_memory() {
    if let Ok(url) = std::env::var(URL) {
        return child(&url).await;
    }
    let Some(server) = Server::for_test(TEST, &[]) else { return };
    // A process of its own, as memory is that of a process.
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", TEST, "--nocapture"]).env(URL, server.url("app"));
    let done = command.output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
    assert!(String::from_utf8_lossy(&said).contains("within memory"), "{}", String::from_utf8_lossy(&said));
}

async fn child(url: &str) {
    let store = larder::open(url).await.unwrap();
    assert!(store.guarantees().max_value >= SIZE as u64);
    let key = Key::new("large").unwrap();
    store.put("warm", vec![1; 2 << 20]).await.unwrap();
    let before = most();

    let pieces = (0..SIZE / PIECE).map(|number| Ok(piece(number)));
    // Without a hint: nobody knows how much comes.
    store.put_stream_opts(&key, stream::iter(pieces).boxed(), &PutOptions::new()).await.unwrap();
    let up = most() - before;
    assert_eq!(store.head("large").await.unwrap().unwrap().size, Some(SIZE as u64));

    let mut body = store.get_stream("large").await.unwrap().unwrap();
    let (mut at, mut wanted) = (0, Bytes::new());
    while let Some(got) = body.try_next().await.unwrap() {
        for byte in got {
            if at % PIECE == 0 {
                wanted = piece(at / PIECE);
            }
            assert_eq!(byte, wanted[at % PIECE], "byte {at}");
            at += 1;
        }
    }
    assert_eq!(at, SIZE);
    let down = most() - before;
    assert!(up < 32 << 20 && down < 32 << 20, "{up} bytes up, {down} down");

    let part = store.get_range("large", ByteRange::from(SIZE as u64 - 100_000..SIZE as u64 - 99_990)).await;
    let number = (SIZE - 100_000) / PIECE;
    let from = (SIZE - 100_000) % PIECE;
    assert_eq!(part.unwrap(), Some(piece(number).slice(from..from + 10)));
    store.delete("large").await.unwrap();
    assert!(!store.exists("large").await.unwrap());
    store.close(&Default::default()).await.unwrap();
    println!("within memory: {up} up, {down} down");
}

/// A part that fails ends the write, whatever the body waits for, and nobody has to ask what became of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_fails_is_told_while_the_body_waits() {
    let test = "large::a_part_that_fails_is_told_while_the_body_waits";
    let Some(mut server) = Server::for_test(test, &[]) else { return };
    let store = larder::open(&format!("{}&attempts=1", server.url("app"))).await.unwrap();
    let pieces = |count: usize| stream::iter((0..count).map(|number| Ok(piece(number))));
    let killed = stream::once(async move {
        server.kill();
        Ok(piece(0))
    });
    let body =
        pieces((1 << 20) / PIECE).chain(killed).chain(pieces((1 << 20) / PIECE)).chain(stream::pending());
    let key = Key::new("k").unwrap();
    let error = store.put_stream_opts(&key, body.boxed(), &PutOptions::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.settled()), (ErrorKind::Unavailable, true), "{error}");
}
