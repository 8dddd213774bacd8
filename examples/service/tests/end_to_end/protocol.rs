//! Conditions, ranges, attributes, listings, statuses.

use std::time::Duration;

use bytes::Bytes;

use crate::client::Client;
use crate::process::{Service, over_files, settings};

fn long() -> Bytes {
    (0..100_000u32).flat_map(|n| n.to_le_bytes()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_http_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&settings(&over_files(folder.path()), "max_body_bytes = 1000000"));
    let (client, base) = (Client::new(), service.base.clone());
    let at = |key: &str| format!("{base}/v1/{key}");

    assert_eq!(client.get(&at("none"), &[]).await.status, 404);
    let attributes =
        [("content-type", "text/x-poem"), ("cache-control", "max-age=7"), ("content-language", "de")];
    let put = client.ask("PUT", &at("a/b"), &attributes, "Über allen Gipfeln").await;
    assert_eq!((put.status.as_u16(), put.body.len()), (204, 0));
    let tag = put.etag();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    // From memory, and after that as a head.
    for method in ["GET", "HEAD"] {
        let got = client.ask(method, &at("a/b"), &[], "").await;
        assert_eq!((got.status.as_u16(), got.etag()), (200, tag.clone()), "{method}");
        assert_eq!((got.header("content-length"), got.header("accept-ranges")), ("19", "bytes"));
        assert!(got.header("last-modified").ends_with(" GMT"));
        for (name, value) in attributes {
            assert_eq!(got.header(name), value, "{method}");
        }
        assert_eq!(got.body.len(), if method == "GET" { 19 } else { 0 });
    }

    // 304 for the version that the client has, alone and among others, and for any.
    let others = format!("\"other\", W/{tag} , \"W:00\"");
    for tags in [tag.as_str(), &others, "*"] {
        for method in ["GET", "HEAD"] {
            let got = client.ask(method, &at("a/b"), &[("if-none-match", tags)], "").await;
            assert_eq!((got.status.as_u16(), got.body.len(), got.etag()), (304, 0, tag.clone()), "{tags}");
        }
    }
    assert_eq!(client.get(&at("a/b"), &[("if-none-match", "\"other\"")]).await.status, 200);
    assert_eq!(client.get(&at("a/b"), &[("if-match", &tag)]).await.status, 200);
    assert_eq!(client.get(&at("a/b"), &[("if-match", "\"other\"")]).await.status, 412);
    assert_eq!(client.get(&at("none"), &[("if-match", "*")]).await.status, 412);

    // Conditional writes.
    let put = async |key: &str, condition: (&str, &str), value: &'static str| {
        client.ask("PUT", &at(key), &[condition], value).await
    };
    assert_eq!(put("a/b", ("if-none-match", "*"), "x").await.status, 412);
    assert_eq!(put("new", ("if-match", "*"), "x").await.status, 412);
    assert_eq!(put("new", ("if-none-match", "*"), "1").await.status, 204);
    assert_eq!(put("new", ("if-match", &tag), "x").await.status, 412);
    assert_eq!(put("new", ("if-match", "*"), "2").await.status, 204);
    assert_eq!(put("new", ("if-none-match", "\"x\""), "x").await.status, 400);
    let second = put("a/b", ("if-match", &tag), "Ist Ruh").await;
    assert_eq!(second.status, 204);
    assert_ne!(second.etag(), tag);
    assert_eq!(put("a/b", ("if-match", &tag), "x").await.status, 412);
    assert_eq!(client.ask("DELETE", &at("a/b"), &[("if-match", &tag)], "").await.status, 412);
    assert_eq!(client.get(&at("a/b"), &[]).await.body, "Ist Ruh");
    assert_eq!(client.ask("DELETE", &at("a/b"), &[("if-match", &second.etag())], "").await.status, 204);
    assert_eq!(client.ask("DELETE", &at("a/b"), &[], "").await.status, 204);
    assert_eq!(client.get(&at("a/b"), &[]).await.status, 404);

    // Parts of a value that is streamed.
    let put = client.ask("PUT", &at("long"), &[], long()).await;
    assert_eq!(put.status, 204);
    let stale = "\"W:00000000000000000000000000000000\"";
    for (range, part) in [
        ("bytes=0-0", 0..1),
        ("bytes=399990-", 399_990..400_000),
        ("bytes=-5", 399_995..400_000),
        ("bytes=70000-200000", 70_000..200_001),
        ("bytes=399999-9999999", 399_999..400_000),
    ] {
        let got = client.get(&at("long"), &[("range", range)]).await;
        assert_eq!(got.status, 206, "{range}");
        assert_eq!(got.header("content-range"), format!("bytes {}-{}/400000", part.start, part.end - 1));
        assert!(got.body == long().slice(part), "{range}");
        let got = client.get(&at("long"), &[("range", range), ("if-range", &put.etag())]).await;
        assert_eq!(got.status, 206);
        let got = client.get(&at("long"), &[("range", range), ("if-range", stale)]).await;
        assert!(got.status == 200 && got.body == long(), "{range}: of another version the whole one");
    }
    let got = client.get(&at("long"), &[("range", "bytes=400000-")]).await;
    assert_eq!((got.status.as_u16(), got.header("content-range")), (416, "bytes */400000"));
    assert_eq!(client.get(&at("long"), &[("range", "bytes=0-1,4-5")]).await.status, 200);

    // A refusal that leaves the body unread ends the connection, and one behind the body does not.
    let huge = client.ask("PUT", &at("huge"), &[], vec![0; 1_000_001]).await;
    assert_eq!((huge.status.as_u16(), huge.header("connection")), (413, "close"));
    let refused = client.ask("PUT", &at("long"), &[("if-none-match", "*")], "x").await;
    assert_eq!((refused.status.as_u16(), refused.header("connection")), (412, ""));
    assert_eq!(client.ask("PUT", &at(&"k".repeat(1025)), &[], "x").await.status, 400);
    assert_eq!(client.ask("PUT", &at("fits"), &[], vec![0; 1_000_000]).await.status, 204);

    // Listings.
    let lines = async |query: &str| {
        let got = client.get(&format!("{base}/v1?{query}"), &[]).await;
        assert_eq!((got.status.as_u16(), got.header("content-type")), (200, "application/x-ndjson"));
        let text = String::from_utf8(got.body.to_vec()).unwrap();
        text.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()).collect::<Vec<_>>()
    };
    let names = async |query: &str| -> Vec<String> {
        lines(query).await.iter().map(|l| l["key"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("").await, ["fits", "long", "new"]);
    assert_eq!(names("limit=1&after=fits").await, ["long"]);
    assert_eq!(names("prefix=ne").await, ["new"]);
    let long = &lines("prefix=long").await[0];
    assert_eq!((long["size"].as_u64(), long["etag"].as_str()), (Some(400_000), Some(put.etag().as_str())));
    assert_eq!(client.get(&format!("{base}/v1?page=3"), &[]).await.status, 400);

    assert_eq!(client.get(&format!("{base}/health"), &[]).await.status, 200);
    assert_eq!(client.get(&format!("{base}/health/live"), &[]).await.body, "live\n");
    let metrics = client.get(&format!("{base}/metrics"), &[]).await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(text.contains("larder_calls_total{op=\"put\""), "{text}");
    assert!(
        text.contains("larder_call_seconds_bucket{op=\"get_stream\"")
            && text.contains("larder_tier_hits_total")
    );

    service.terminate();
    assert_eq!(service.ended(Duration::from_secs(10)).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_wrong_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("service.toml");
    for (text, said) in [
        ("listen = \"nowhere\"".to_owned(), "line 1: invalid socket address"),
        (settings(&over_files(folder.path()), "patience = 3"), "unknown field"),
        (settings(&over_files(folder.path()), "request_seconds = 0"), "0 seconds"),
        (
            settings(&over_files(folder.path()), "").replace("fresh = \"sole_writer\"", "fresh = \"soon\""),
            "fresh",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_larder-example-service"))
            .arg(&file)
            .output()
            .unwrap();
        let told = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(2), "{told}");
        assert!(told.contains(said), "{told}");
    }
}
