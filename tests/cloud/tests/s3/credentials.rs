//! Signatures, keys, tokens, regions and clocks.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Credentials, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use larder_cloud_tests::s3::Double;

use super::client::{BUCKET, client, config, double, put, refused};

fn with(double: &Double, credentials: Credentials) -> Client {
    Client::from_conf(config(double).credentials_provider(credentials).build())
}

async fn refusal(s3: &Client) -> (u16, String) {
    refused(s3.get_object().bucket(BUCKET).key("k").send().await)
}

#[tokio::test]
async fn keys_and_secrets() {
    let double = double();
    let right = client(&double);
    put(&right, "k", "v").await;
    let wrong = with(&double, Credentials::new(double.access_key(), "wrong", None, None, "test"));
    assert_eq!(refusal(&wrong).await, (403, "SignatureDoesNotMatch".into()));
    let body = b"value".to_vec().into();
    let write = wrong.put_object().bucket(BUCKET).key("k").body(body).send().await;
    assert_eq!(refused(write), (403, "SignatureDoesNotMatch".into()));
    let unknown = with(&double, Credentials::new("UNKNOWN", double.secret_key(), None, None, "test"));
    assert_eq!(refusal(&unknown).await, (403, "InvalidAccessKeyId".into()));
    assert_eq!(double.requests()["GetObject"], 2);
}

#[tokio::test]
async fn tokens() {
    let double = double();
    let plain = client(&double);
    let token = |token: &str| {
        with(
            &double,
            Credentials::new(double.access_key(), double.secret_key(), Some(token.into()), None, "test"),
        )
    };
    assert_eq!(refusal(&token("any")).await, (400, "InvalidToken".into()));
    double.set_session_token(Some("right"));
    put(&token("right"), "k", "v").await;
    assert_eq!(refusal(&plain).await, (403, "InvalidAccessKeyId".into()));
    assert_eq!(refusal(&token("other")).await, (400, "InvalidToken".into()));
    double.set_token_expired(true);
    assert_eq!(refusal(&token("right")).await, (400, "ExpiredToken".into()));
}

#[tokio::test]
async fn regions() {
    let double = double();
    let elsewhere = Client::from_conf(config(&double).region(Region::new("us-west-2")).build());
    let refusal = elsewhere.get_object().bucket(BUCKET).key("k").send().await;
    let answer = refusal.as_ref().unwrap_err().raw_response().unwrap();
    assert_eq!(answer.headers().get("x-amz-bucket-region"), Some(double.region()));
    let told = String::from_utf8(answer.body().bytes().unwrap().to_vec()).unwrap();
    assert!(told.contains("<Region>eu-west-1</Region>"), "{told}");
    assert_eq!(refused(refusal), (400, "AuthorizationHeaderMalformed".into()));
}

#[tokio::test]
async fn clocks() {
    let double = double();
    for offset in [14 * 60, -14 * 60] {
        double.set_clock_offset(offset);
        put(&client(&double), "k", "v").await;
    }
    for offset in [16 * 60, -16 * 60] {
        double.set_clock_offset(offset);
        let refusal = client(&double).get_object().bucket(BUCKET).key("k").send().await;
        let date =
            refusal.as_ref().unwrap_err().raw_response().unwrap().headers().get("date").unwrap().to_owned();
        assert_eq!(refused(refusal), (403, "RequestTimeTooSkewed".into()), "{offset}");
        // The server says its own time, so that a client can follow it.
        let said = httpdate::parse_http_date(&date).unwrap();
        let ahead = match said.duration_since(SystemTime::now()) {
            Ok(ahead) => ahead.as_secs_f64(),
            Err(behind) => -behind.duration().as_secs_f64(),
        };
        assert!((ahead - offset as f64).abs() < 30.0, "{ahead}");
    }
}

#[tokio::test]
async fn presigned_urls() {
    let double = double();
    let s3 = client(&double);
    let lasts = |seconds| PresigningConfig::expires_in(Duration::from_secs(seconds)).unwrap();
    let put = s3.put_object().bucket(BUCKET).key("k ü").presigned(lasts(60)).await.unwrap();
    assert!(raw(&double, "PUT", put.uri(), "by url").await.starts_with("HTTP/1.1 200"));
    let get = s3.get_object().bucket(BUCKET).key("k ü").presigned(lasts(60)).await.unwrap();
    let answer = raw(&double, "GET", get.uri(), "").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("by url"), "{answer}");
    let tampered = get.uri().replace("k%20", "j%20");
    assert!(raw(&double, "GET", &tampered, "").await.contains("SignatureDoesNotMatch"));
    let unsigned = get.uri().split('?').next().unwrap();
    assert!(raw(&double, "GET", unsigned, "").await.contains("<Code>AccessDenied</Code>"));
    double.set_clock_offset(61);
    assert!(raw(&double, "GET", get.uri(), "").await.contains("Request has expired"));
}

/// One request by hand, and all of its answer.
async fn raw(double: &Double, method: &str, uri: &str, body: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let path = uri.strip_prefix(&double.endpoint()).unwrap();
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", double.port())).await.unwrap();
    let host = double.endpoint().replace("http://", "");
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
