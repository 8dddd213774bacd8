//! Each fault of the double is what it says, to the crate and to what is stored.

use std::net::SocketAddr;
use std::time::Duration;

use larder_cloud_tests::gs::{Double, Fault, FaultPlan, When};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::service::{BUCKET, Service, double, refused_by_code};

/// Everything meets the fault (nine of ten do, so the seed is one whose first draw does).
fn always(double: &Double, fault: Fault) {
    double.faults().set(FaultPlan::new(3).with(fault, 1.0).delay(Duration::from_millis(200)));
}

#[tokio::test(flavor = "multi_thread")]
async fn writes() {
    let env = larder::Env::system();
    for (fault, status, stored) in [
        (Fault::Refused, None, "old"),
        (Fault::Reset(When::Before), None, "old"),
        (Fault::Reset(When::After), None, "new"),
        (Fault::BlackHole(When::Before), None, "old"),
        (Fault::BlackHole(When::After), None, "new"),
        (Fault::TooManyRequests { retry_after: true }, Some(429), "old"),
        (Fault::Failing(500, When::Before), Some(500), "old"),
        (Fault::Failing(502, When::After), Some(502), "new"),
        (Fault::Failing(503, When::Before), Some(503), "old"),
        (Fault::Failing(504, When::After), Some(504), "new"),
        (Fault::FalsePrecondition, Some(412), "new"),
        (Fault::ExpiredToken, Some(401), "old"),
        (Fault::DamagedRequest, Some(400), "old"),
    ] {
        let double = double();
        let service = Service::of(&double).await;
        let old = service.write("k", "old", None).await.unwrap();
        always(&double, fault);
        let write = service.write("k", "new", Some(old.generation));
        let done = tokio::select! {
            done = write => done.map(|_| ()).map_err(|error| error.http_status_code()),
            () = env.sleep(Duration::from_millis(1500)) => Err(None),
        };
        assert_eq!(done, Err(status), "{fault}");
        assert_eq!(double.faults().counts(), [((fault, "InsertObject"), 1)].into(), "{fault}");
        double.faults().clear();
        assert_eq!(double.object(BUCKET, "facts/k").unwrap().as_deref(), Some(stored.as_bytes()), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_grpc() {
    for (fault, code, there) in [
        (Fault::Failing(500, When::Before), Some("INTERNAL"), true),
        (Fault::Failing(503, When::After), Some("UNAVAILABLE"), false),
        (Fault::Failing(504, When::Before), Some("DEADLINE_EXCEEDED"), true),
        (Fault::Failing(502, When::After), None, false),
        (Fault::TooManyRequests { retry_after: false }, Some("RESOURCE_EXHAUSTED"), true),
        (Fault::FalsePrecondition, Some("FAILED_PRECONDITION"), false),
        (Fault::ExpiredToken, Some("UNAUTHENTICATED"), true),
        (Fault::Refused, None, true),
        (Fault::TruncatedBody, None, false),
        // A page of a proxy.
        (Fault::Failing(404, When::Before), None, true),
        (Fault::Reset(When::Before), None, true),
        (Fault::Reset(When::After), None, false),
    ] {
        let double = double();
        let service = Service::of(&double).await;
        let old = service.write("k", "old", None).await.unwrap();
        always(&double, fault);
        let delete =
            service.control.delete_object().set_bucket(&service.bucket).set_object(service.name("k"));
        let error = delete.set_if_generation_match(old.generation).send().await.unwrap_err();
        double.faults().clear();
        let seen = error.status().filter(|_| !error.is_transport()).map(|status| status.code.name());
        assert_eq!(seen, code, "{fault}: {error:?}");
        assert_eq!(double.object(BUCKET, "facts/k").unwrap().is_some(), there, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads() {
    let double = double();
    let service = Service::of(&double).await;
    let value = "v".repeat(100_000);
    service.write("k", &value, None).await.unwrap();
    for fault in [Fault::TruncatedBody, Fault::WrongChecksum, Fault::NotFound] {
        always(&double, fault);
        assert!(service.read("k").await.is_err(), "{fault} was not seen");
        assert_eq!(double.faults().counts()[&(fault, "ReadObject")], 1);
        double.faults().clear();
    }
    always(&double, Fault::SlowBody);
    let begun = larder::Env::system().now();
    assert_eq!(service.read("k").await.unwrap(), value.as_bytes());
    assert!(larder::Env::system().now() - begun >= Duration::from_millis(150));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_taken_for_a_moment() {
    let double = double();
    let service = Service::of(&double).await;
    service.write("k", "v", None).await.unwrap();
    let rest: SocketAddr = double.endpoint().trim_start_matches("http://").parse().unwrap();
    always(&double, Fault::Refused);
    assert!(service.read("k").await.is_err());
    double.faults().clear();
    // The connection may end a moment before the others are refused.
    let mut refused = false;
    for _ in 0..100 {
        refused |= tokio::net::TcpStream::connect(rest).await.is_err();
        larder::Env::system().sleep(Duration::from_millis(1)).await;
    }
    assert!(refused);
    // Here the service is said to be quiet when it is back.
    double.quiet().await.unwrap();
    assert_eq!(service.read("k").await.unwrap(), b"v");
}

/// No fault at all: what is refused for its first line, before its body came, leaves the connection to the next request.
#[tokio::test]
async fn a_refusal_does_not_end_the_connection() {
    let double = double();
    let rest: SocketAddr = double.endpoint().trim_start_matches("http://").parse().unwrap();
    let mut connection = BufReader::new(tokio::net::TcpStream::connect(rest).await.unwrap());
    for _ in 0..2 {
        let head = "POST /upload/storage/v1/b/bucket/o?uploadType=multipart&name=.. HTTP/1.1\r\nhost: double\r\n\
                    content-length: 6\r\n\r\nbo";
        connection.write_all(head.as_bytes()).await.unwrap();
        larder::Env::system().sleep(Duration::from_millis(20)).await;
        connection.write_all(b"dy..").await.unwrap();
        let (mut line, mut length) = (String::new(), 0);
        connection.read_line(&mut line).await.unwrap();
        assert!(line.starts_with("HTTP/1.1 400 "), "{line:?}");
        while line != "\r\n" {
            line.clear();
            connection.read_line(&mut line).await.unwrap();
            assert!(!line.starts_with("connection: close"));
            if let Some(said) = line.strip_prefix("content-length: ") {
                length = said.trim().parse().unwrap();
            }
        }
        connection.read_exact(&mut vec![0; length]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_that_is_late() {
    let double = double();
    let service = Service::of(&double).await;
    service.write("k", "old", None).await.unwrap();
    always(&double, Fault::LateEffect);
    assert!(service.write("k", "new", None).await.is_err());
    double.faults().clear();
    assert_eq!(double.object(BUCKET, "facts/k").unwrap().as_deref(), Some(&b"old"[..]));
    assert_eq!(double.open_requests(), 1);
    double.quiet().await.unwrap();
    assert_eq!(double.object(BUCKET, "facts/k").unwrap().as_deref(), Some(&b"new"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets() {
    let double = double();
    let service = Service::of(&double).await;
    let create = |name: &str| service.control.create_bucket().set_parent("projects/_").set_bucket_id(name);
    let bucket = google_cloud_storage::model::Bucket::new().set_project("projects/p");
    create("another").set_bucket(bucket.clone()).send().await.unwrap();
    assert_eq!(refused_by_code(create("another").set_bucket(bucket.clone()).send().await), "ALREADY_EXISTS");
    assert_eq!(refused_by_code(create("No Name").set_bucket(bucket).send().await), "INVALID_ARGUMENT");
    let got = service.control.get_bucket().set_name("projects/_/buckets/another").send().await.unwrap();
    assert_eq!(got.bucket_id, "another");
    let listed = service.control.list_buckets().set_parent("projects/p").send().await.unwrap();
    assert_eq!(
        listed.buckets.iter().map(|one| one.bucket_id.as_str()).collect::<Vec<_>>(),
        ["another", BUCKET]
    );
}

/// What the double does not offer is refused by name.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_ignored() {
    let double = double();
    let service = Service::of(&double).await;
    service.write("k", "v", None).await.unwrap();
    let list = service.control.list_objects().set_parent(&service.bucket).set_match_glob("*").send().await;
    assert!(list.unwrap_err().to_string().contains("match_glob"));
    let get = service.control.get_object().set_bucket(&service.bucket).set_object(service.name("k"));
    assert!(get.set_soft_deleted(true).send().await.is_err());
    let write = service.storage.write_object(service.bucket.as_str(), "k", "v").set_temporary_hold(true);
    assert_eq!(write.send_buffered().await.unwrap_err().http_status_code(), Some(400));
    let write = service.storage.write_object(service.bucket.as_str(), "k", "v").set_predefined_acl("private");
    assert_eq!(write.send_buffered().await.unwrap_err().http_status_code(), Some(400));
}
