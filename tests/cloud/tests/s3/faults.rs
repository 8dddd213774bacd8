//! Each fault is what it says, to the client and to what is stored.

use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::types::ChecksumMode;
use larder_cloud_tests::s3::{Double, Fault, FaultPlan, When};

use super::client::{BUCKET, client, config, double, get, put, refused};

/// Everything meets the fault (nine of ten do, so the seed is one whose first draw does).
fn always(double: &Double, fault: Fault) {
    double.faults().set(FaultPlan::new(3).with(fault, 1.0).delay(Duration::from_millis(200)));
}

/// A client that gives up early.
fn hasty(double: &Double) -> Client {
    let timeouts = aws_sdk_s3::config::timeout::TimeoutConfig::builder();
    let timeouts = timeouts.operation_timeout(Duration::from_millis(700)).build();
    Client::from_conf(config(double).timeout_config(timeouts).build())
}

/// What a client sees of a write and what is stored behind it, for one fault.
async fn write(fault: Fault) -> ((u16, String), String) {
    let double = double();
    let s3 = hasty(&double);
    let tag = put(&s3, "k", "old").await;
    always(&double, fault);
    let body = b"new".to_vec().into();
    let seen = refused(s3.put_object().bucket(BUCKET).key("k").if_match(tag).body(body).send().await);
    assert_eq!(double.faults().counts(), [((fault, "PutObject"), 1)].into());
    assert!(double.faults().zero_cells().is_empty());
    double.faults().clear();
    (seen, get(&s3, "k").await)
}

#[tokio::test]
async fn writes() {
    let none = || (0, String::new());
    let cases = [
        (Fault::Reset(When::Before), none(), "old"),
        (Fault::Reset(When::After), none(), "new"),
        (Fault::BlackHole(When::Before), none(), "old"),
        (Fault::BlackHole(When::After), none(), "new"),
        (Fault::TooManyRequests { retry_after: false }, (429, "TooManyRequests".into()), "old"),
        (Fault::TooManyRequests { retry_after: true }, (429, "TooManyRequests".into()), "old"),
        (Fault::SlowDown { retry_after: false }, (503, "SlowDown".into()), "old"),
        (Fault::SlowDown { retry_after: true }, (503, "SlowDown".into()), "old"),
        (Fault::Bare(500, When::Before), (500, String::new()), "old"),
        (Fault::Bare(502, When::After), (502, String::new()), "new"),
        (Fault::Bare(503, When::Before), (503, String::new()), "old"),
        (Fault::Bare(504, When::After), (504, String::new()), "new"),
        (Fault::Conflict(When::Before), (409, "ConditionalRequestConflict".into()), "old"),
        (Fault::Conflict(When::After), (409, "ConditionalRequestConflict".into()), "new"),
        (Fault::FalsePrecondition, (412, "PreconditionFailed".into()), "new"),
        (Fault::ExpiredToken, (400, "ExpiredToken".into()), "old"),
    ];
    for (fault, seen, stored) in cases {
        assert_eq!(write(fault).await, (seen, stored.to_owned()), "{fault}");
    }
    let (seen, stored) = write(Fault::DamagedRequest).await;
    assert_eq!((seen.0, &stored[..]), (400, "old"), "{seen:?}");
}

#[tokio::test]
async fn an_effect_that_is_late() {
    let double = double();
    let s3 = client(&double);
    put(&s3, "k", "old").await;
    always(&double, Fault::LateEffect);
    let write = s3.put_object().bucket(BUCKET).key("k").body(b"new".to_vec().into()).send().await;
    assert_eq!(refused(write).0, 0);
    double.faults().clear();
    assert_eq!(get(&s3, "k").await, "old");
    assert_eq!(double.open_requests(), 1);
    let begun = Instant::now();
    while get(&s3, "k").await == "old" {
        assert!(begun.elapsed() < Duration::from_secs(10), "it never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(double.open_requests(), 0);
}

#[tokio::test]
async fn answers_that_are_harmed() {
    let double = double();
    let s3 = client(&double);
    let value = "v".repeat(100_000);
    put(&s3, "k", &value).await;
    let read = || s3.get_object().bucket(BUCKET).key("k").checksum_mode(ChecksumMode::Enabled).send();
    for fault in [Fault::TruncatedBody, Fault::WrongChecksum] {
        always(&double, fault);
        let got = read().await.unwrap();
        assert_eq!(got.content_length(), Some(100_000));
        assert!(got.body.collect().await.is_err(), "{fault} was not seen");
        assert_eq!(double.faults().counts()[&(fault, "GetObject")], 1);
    }
    always(&double, Fault::SlowBody);
    let begun = Instant::now();
    assert_eq!(read().await.unwrap().body.collect().await.unwrap().to_vec(), value.as_bytes());
    assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
    // What carries no checksum is not damaged, and that is not counted.
    always(&double, Fault::WrongChecksum);
    let range = s3.get_object().bucket(BUCKET).key("k").range("bytes=0-9").send().await.unwrap();
    assert_eq!(range.body.collect().await.unwrap().to_vec(), b"vvvvvvvvvv");
    assert_eq!(double.faults().counts()[&(Fault::WrongChecksum, "GetObject")], 1);
}

#[tokio::test]
async fn a_hint_says_when_to_come_back() {
    let double = double();
    let s3 = client(&double);
    for (retry_after, hint) in [(true, Some("1")), (false, None)] {
        for fault in [Fault::SlowDown { retry_after }, Fault::TooManyRequests { retry_after }] {
            always(&double, fault);
            let refusal = s3.get_object().bucket(BUCKET).key("k").send().await.unwrap_err();
            assert_eq!(refusal.raw_response().unwrap().headers().get("retry-after"), hint, "{fault}");
        }
    }
}

/// Faults are for those whom they concern; what never happened is told.
#[tokio::test]
async fn cells_that_stay_empty_are_told() {
    let double = double();
    let s3 = client(&double);
    put(&s3, "k", "v").await;
    let plan = FaultPlan::new(1)
        .only(Fault::ExpiredToken, 0.5, &["DeleteObject"])
        .with(Fault::Conflict(When::Before), 0.5)
        .with(Fault::SlowDown { retry_after: false }, 1e-9);
    double.faults().set(plan);
    for _ in 0..50 {
        put(&s3, "k", "v").await;
    }
    assert!(double.faults().counts().is_empty());
    assert_eq!(double.faults().zero_cells(), [(Fault::SlowDown { retry_after: false }, "PutObject")]);
}
