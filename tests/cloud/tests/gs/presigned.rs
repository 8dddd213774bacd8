//! Signed URLs, held against the double's own check of the signature.

use std::process::Command;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use larder::gs::{GsConfig, GsStore};
use larder::{Call, ErrorKind, Key, StoreExt};
use larder_cloud_tests::gs::Double;
use larder_cloud_tests::installed;

use crate::service::double;

const EMAIL: &str = "signer@project.iam.gserviceaccount.com";

/// A service account that nobody else has: its key file, and the double that knows its public key.
fn account(test: &str, folder: &std::path::Path) -> Option<Double> {
    let openssl = installed::or_skip(test, "openssl", "LARDER_OPENSSL")?;
    let run = |words: &[&str]| {
        let output = Command::new(&openssl).args(words).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key.pem"]);
    run(&["rsa", "-in", "key.pem", "-RSAPublicKey_out", "-outform", "DER", "-out", "public.der"]);
    let key = serde_json::json!({
        "type": "service_account",
        "client_email": EMAIL,
        "private_key_id": "0",
        "private_key": std::fs::read_to_string(folder.join("key.pem")).unwrap(),
        "project_id": "project",
        "universe_domain": "googleapis.com",
    });
    std::fs::write(folder.join("key.json"), key.to_string()).unwrap();
    let double = double();
    double.set_signer(EMAIL, &std::fs::read(folder.join("public.der")).unwrap());
    Some(double)
}

fn config(double: &Double) -> GsConfig {
    GsConfig::new("bucket").with_endpoint(double.endpoint()).with_grpc_endpoint(double.grpc_endpoint())
}

/// What any client of HTTP gets.
async fn http(method: Method, url: &str, body: &'static [u8]) -> (u16, Vec<u8>) {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    larder::Env::system().spawn(async move { drop(connection.await) });
    let request = Request::builder().method(method).uri(format!("/{path}")).header("host", host);
    let answer =
        sender.send_request(request.body(Full::new(bytes::Bytes::from_static(body))).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_url_may_read_and_write() {
    let folder = tempfile::tempdir().unwrap();
    let Some(double) = account("presigned::who_has_the_url_may_read_and_write", folder.path()) else {
        return;
    };
    let writer = GsStore::open(config(&double).with_anonymous()).await.unwrap();
    let signer = config(&double).with_service_account_file(folder.path().join("key.json"));
    let signer = GsStore::open(signer).await.unwrap();
    let (call, hour) = (Call::default(), Duration::from_secs(3600));
    for text in ["k", "a/b c", "a/../b", "\u{e9}%2F?x=1&y#z", "+", "a//b"] {
        let key = Key::new(text).unwrap();
        writer.put(&key, text).await.unwrap();
        let url = signer.presigned_get(&key, hour, &call).await.unwrap();
        assert_eq!(http(Method::GET, url.url(), b"").await, (200, text.as_bytes().to_vec()), "{text:?}");
        // Nobody may read another key by it, or write this one.
        assert_eq!(http(Method::PUT, url.url(), b"x").await.0, 403, "{text:?}");
        let other = url.url().replacen("/bucket/", "/bucket/x", 1);
        assert_eq!(http(Method::GET, &other, b"").await.0, 403);
        let url = signer.presigned_put(&key, hour, &call).await.unwrap();
        assert_eq!(http(Method::PUT, url.url(), b"by url").await.0, 200, "{text:?}");
        assert_eq!(writer.get(&key).await.unwrap().as_deref(), Some(&b"by url"[..]), "{text:?}");
    }
    let key = Key::new("k").unwrap();
    let url = signer.presigned_get(&key, Duration::from_secs(60), &call).await.unwrap();
    assert!(!format!("{url:?}").contains("Signature"));
    double.set_clock_offset(3600);
    assert_eq!(http(Method::GET, url.url(), b"").await.0, 403, "it has expired");
}

#[tokio::test]
async fn what_cannot_be_signed_is_refused_by_name() {
    let double = double();
    let (call, hour, key) = (Call::default(), Duration::from_secs(3600), Key::new("k").unwrap());
    for config in [config(&double).with_anonymous(), config(&double).with_access_token("t")] {
        let store = GsStore::open(config).await.unwrap();
        let error = store.presigned_get(&key, hour, &call).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        let dots = store.presigned_get(&Key::new("a/./b").unwrap(), hour, &call).await.unwrap_err();
        assert_eq!(dots.kind(), ErrorKind::Unsupported, "{dots}");
        for lasts in [Duration::ZERO, Duration::from_secs(604_801)] {
            let error = store.presigned_put(&key, lasts, &call).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        }
    }
    assert_eq!(double.connections(), 0, "nothing is asked");
}
