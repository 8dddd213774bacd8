//! Uploads in pieces: what goes wrong with them, and what is left of those that are given up.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder::{ByteStream, Call, Env, ErrorKind, Key, Precondition, PutOptions, Store, StoreExt};
use larder_cloud_tests::gs::{Double, Fault, FaultPlan, When};

use crate::service::double;

/// Bytes that tell where they stand.
fn value(len: usize) -> Bytes {
    (0..len).map(|n| (n / 7 + n / 256) as u8).collect::<Vec<_>>().into()
}

fn body(value: Bytes, piece: usize) -> ByteStream {
    let pieces: Vec<_> = value.chunks(piece).map(Bytes::copy_from_slice).map(Ok).collect();
    stream::iter(pieces).boxed()
}

fn url(double: &Double) -> String {
    format!("{}&attempts=8&attempt_timeout=1s&piece_size=1MiB", double.url("bucket"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_length_around_a_piece() {
    let double = double();
    let store = larder::open(&url(&double)).await.unwrap();
    let whole = value(20 << 20);
    for len in [(16 << 20) + 1, (17 << 20) - 1, 17 << 20, (17 << 20) + 1, 18 << 20] {
        for hint in [true, false] {
            let part = whole.slice(..len);
            let mut options = PutOptions::new();
            options.size_hint = hint.then_some(len as u64);
            let key = Key::new("k").unwrap();
            store.put_stream_opts(&key, body(part.clone(), 300_000), &options).await.unwrap();
            assert_eq!(store.get("k").await.unwrap(), Some(part), "{len} {hint}");
        }
    }
    assert_eq!(double.uploads("bucket"), 0);
}

/// Whatever a piece meets, the value is whole when the put returns, and no piece is lost or doubled.
#[tokio::test(flavor = "multi_thread")]
async fn pieces_that_meet_faults() {
    let double = double();
    let store = larder::open(&url(&double)).await.unwrap();
    let whole = value(17 << 20);
    let key = Key::new("k").unwrap();
    let mut made = 0;
    let faults = [
        Fault::Reset(When::Before),
        Fault::Reset(When::After),
        Fault::Failing(503, When::Before),
        Fault::Failing(503, When::After),
        Fault::Failing(500, When::After),
        Fault::TooManyRequests { retry_after: false },
        Fault::BlackHole(When::After),
    ];
    for (n, fault) in faults.into_iter().enumerate() {
        let pieces = ["UploadPiece", "StartUpload", "QueryUpload"];
        let rate = if matches!(fault, Fault::BlackHole(_)) { 0.1 } else { 0.25 };
        double.faults().set(FaultPlan::new(n as u64).only(fault, rate, &pieces));
        let before = store.head(&key).await.unwrap().map(|meta| meta.version.unwrap());
        let pre = before.map_or(Precondition::Absent, Precondition::Matches);
        let options = PutOptions::new().with_pre(pre);
        let done = store.put_stream_opts(&key, body(whole.clone(), 1 << 20), &options).await;
        double.faults().clear();
        match done {
            Ok(written) => {
                made += 1;
                let head = store.head(&key).await.unwrap().unwrap();
                assert_eq!(head.write_id, Some(written.write_id), "{fault}");
                assert_eq!(store.get(&key).await.unwrap(), Some(whole.clone()), "{fault}");
            }
            Err(error) => {
                assert!(error.kind().is_retryable() || error.is(ErrorKind::Unknown), "{fault}: {error}")
            }
        }
    }
    assert!(made >= faults.len() - 1, "{made} of {} were made", faults.len());
    double.quiet().await.unwrap();
    store.drain(&Call::within(&Env::system(), Duration::from_secs(20))).await.unwrap();
    // A beginning whose answer got lost leaves a session that nobody can name.
    let orphans = double.uploads("bucket");
    assert!(orphans <= 6, "{orphans}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_piece_never_becomes_a_value() {
    let double = double();
    let store = larder::open(&url(&double)).await.unwrap();
    double.faults().set(FaultPlan::new(5).only(Fault::DamagedRequest, 0.3, &["UploadPiece"]));
    let error = store.put("k", value(17 << 20)).await;
    double.faults().clear();
    let stored = store.get("k").await.unwrap();
    match error {
        Ok(_) => assert_eq!(stored, Some(value(17 << 20))),
        Err(_) => assert_eq!(stored, None),
    }
}

/// Dropped, refused by its own body, or past its time: it is cancelled, and `drain` waits for that.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_given_up_is_cancelled() {
    let double = double();
    let store = larder::open(&url(&double)).await.unwrap();
    let env = Env::system();
    let key = Key::new("k").unwrap();

    let endless =
        stream::repeat_with(|| Ok(Bytes::from(vec![1; 1 << 20]))).take(20).chain(stream::pending()).boxed();
    let call = Call::within(&env, Duration::from_millis(700));
    let late = store.put_stream_opts(&key, endless, &PutOptions::new().with_call(call)).await.unwrap_err();
    assert!(matches!(late.kind(), ErrorKind::Timeout | ErrorKind::Unknown), "{late}");
    store.drain(&Call::default()).await.unwrap();
    assert_eq!(double.uploads("bucket"), 0, "past its time");

    let broken = || Err(larder::Error::new(ErrorKind::Invalid, larder::Op::PutStream, "it broke"));
    let pieces = stream::repeat_with(|| Ok(Bytes::from(vec![1; 1 << 20])))
        .take(20)
        .chain(stream::once(async move { broken() }));
    let error = store.put_stream_opts(&key, pieces.boxed(), &PutOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    store.drain(&Call::default()).await.unwrap();
    assert_eq!(double.uploads("bucket"), 0, "its body failed");

    double.set_latency(Duration::from_millis(50));
    let options = PutOptions::new();
    let put = store.put_stream_opts(&key, body(value(20 << 20), 1 << 20), &options);
    let begun = async {
        while double.uploads("bucket") == 0 {
            env.sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = put => panic!("it was to be given up"),
        () = begun => {}
    }
    store.drain(&Call::default()).await.unwrap();
    assert_eq!(double.uploads("bucket"), 0, "it was dropped");
    assert_eq!(store.get("k").await.unwrap(), None);
    let requests = double.requests();
    assert!(requests["CancelUpload"] >= 3, "{requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_holds_for_the_whole_of_it() {
    let double = double();
    let store = larder::open(&url(&double)).await.unwrap();
    let key = Key::new("k").unwrap();
    let first = store.put("k", "first").await.unwrap();
    // Somebody writes while the pieces go up.
    let other = store.clone();
    let racing = body(value(18 << 20), 1 << 20).chain(stream::once(async move {
        other.put("k", "second").await.map(|_| Bytes::from_static(b"end"))
    }));
    let options = PutOptions::new().with_pre(Precondition::Matches(first.version.clone()));
    let error = store.put_stream_opts(&key, racing.boxed(), &options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"second"[..]));
    store.drain(&Call::default()).await.unwrap();
    assert_eq!(double.uploads("bucket"), 0);
    // What cannot hold is refused before anything is sent.
    double.reset_requests();
    let error = store.put_stream_opts(&key, body(value(18 << 20), 1 << 20), &options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(double.requests().into_iter().collect::<Vec<_>>(), [("GetObject", 1)]);
}
