//! A hundred mebibytes, in bounded memory.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder::{ByteRange, Key, PutOptions, Store, StoreExt};

use crate::servers::{On, Server, drained};

const PIECE: usize = 1 << 20;
const PIECES: usize = 100;

/// The bytes of one piece: no two are alike.
fn piece(n: usize) -> Bytes {
    let mut state = 0x9E37_79B9_7F4A_7C15u64 ^ (n as u64) << 20;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).take(PIECE / 8).flatten().collect::<Vec<_>>().into()
}

/// The most memory that this process has had so far.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("Linux tells it");
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

/// The emulator is a process of its own, so that the memory of this one is the store's. dynalite keeps no more than it
/// must; MiniStack takes several times as much.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_mebibytes_up_and_down() {
    let Some(server) = Server::start(On::Dynalite, "large::a_hundred_mebibytes_up_and_down") else { return };
    let store = larder::open(&format!("{}&create=true", server.url("table/p"))).await.unwrap();
    assert!(store.guarantees().max_value >= 100 << 20);
    // What the client, its buffers and a few chunks take is there from now on.
    store.put("warm", vec![7; 6 << 20]).await.unwrap();
    assert_eq!(store.get("warm").await.unwrap().unwrap().len(), 6 << 20);
    let before = peak();

    let key = Key::new("large").unwrap();
    let body = stream::iter((0..PIECES).map(|n| Ok(piece(n)))).boxed();
    let options = PutOptions::new().with_size_hint((PIECES * PIECE) as u64);
    store.put_stream_opts(&key, body, &options).await.unwrap();
    let uploaded = peak();
    assert!(uploaded < before + (48 << 20), "{} MiB more to write", (uploaded - before) >> 20);

    let mut body = store.get_stream(&key).await.unwrap().unwrap();
    let (mut n, mut rest) = (0, Vec::new());
    while let Some(next) = body.next().await {
        rest.extend_from_slice(&next.unwrap());
        while rest.len() >= PIECE {
            assert!(rest[..PIECE] == piece(n)[..], "piece {n}");
            rest.drain(..PIECE);
            n += 1;
        }
    }
    assert_eq!((n, rest.len()), (PIECES, 0));
    let streamed = peak();
    assert!(streamed < uploaded + (48 << 20), "{} MiB more to read", (streamed - uploaded) >> 20);

    // A part takes the chunks that cover it.
    let at = (50 * PIECE) as u64 - 5;
    let part = store.get_range(&key, ByteRange::from(at..at + 10)).await.unwrap().unwrap();
    assert_eq!(part[..5], piece(49)[PIECE - 5..]);
    assert_eq!(part[5..], piece(50)[..5]);
    let parted = peak();
    assert!(parted < streamed + (16 << 20), "{} MiB more for ten bytes", (parted - streamed) >> 20);

    // Whole, it is the caller's memory.
    let whole = store.get(&key).await.unwrap().unwrap();
    assert_eq!(whole.len(), PIECES * PIECE);
    assert!((0..PIECES).all(|n| whole[n * PIECE..(n + 1) * PIECE] == piece(n)[..]));
    let read = peak();
    assert!(
        read < parted + (PIECES * PIECE) + (64 << 20),
        "{} MiB more to read it whole",
        (read - parted) >> 20
    );
    drop(whole);
    store.delete(&key).await.unwrap();
    drained(&*store).await;
    assert_eq!(store.get(&key).await.unwrap(), None);
}
