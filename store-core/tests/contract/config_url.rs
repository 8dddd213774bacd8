//! URLs of one store: what they mean, and what is wrong with them.

use larder_store_core::ErrorKind;
use larder_store_core::config::StoreConfig;

/// Scheme, place and parameters of a URL.
fn parts(text: &str) -> (String, String, Vec<(String, String)>) {
    let config = StoreConfig::parse(text).unwrap_or_else(|e| panic!("{text:?}: {e}"));
    let names: Vec<_> = config.param_names().map(str::to_owned).collect();
    let params = names.into_iter().map(|n| (n.clone(), config.param(&n).unwrap().to_owned())).collect();
    (config.scheme().to_owned(), config.place().to_owned(), params)
}

#[test]
fn what_urls_mean() {
    let none: &[(&str, &str)] = &[];
    for (text, scheme, place, params) in [
        ("memory:", "memory", "", none),
        ("memory:?", "memory", "", none),
        ("memory:NAME", "memory", "NAME", none),
        ("memory:?capacity=64MiB", "memory", "", &[("capacity", "64MiB")]),
        ("file:/abs/path?sync=none", "file", "/abs/path", &[("sync", "none")]),
        ("file:relative", "file", "relative", none),
        ("file:../up/./x//y/", "file", "../up/./x//y/", none),
        ("file:///abs", "file", "/abs", none),
        ("file:////abs", "file", "//abs", none),
        ("file:/tmp/é", "file", "/tmp/é", none),
        ("file:/tmp/%C3%A9", "file", "/tmp/é", none),
        ("file:a%7Cb%3Fc%23d%25e%20f", "file", "a|b?c#d%e f", none),
        ("file:C:/data", "file", "C:/data", none),
        ("file:a@b", "file", "a@b", none),
        ("lmdb:/path", "lmdb", "/path", none),
        ("s3://Bucket/Prefix/../x", "s3", "Bucket/Prefix/../x", none),
        ("s3://bucket/a@b", "s3", "bucket/a@b", none),
        ("s3://b/p?region=eu-west-1&a=", "s3", "b/p", &[("a", ""), ("region", "eu-west-1")]),
        ("s3://b?key=a/b+c=?d", "s3", "b", &[("key", "a/b+c=?d")]),
        ("s3://b?endpoint=http://h:9000", "s3", "b", &[("endpoint", "http://h:9000")]),
        ("redis://host", "redis", "host", none),
        ("redis://[::1]:6379/0", "redis", "[::1]:6379/0", none),
        ("redis://user:pass@host:6379/0", "redis", "host:6379/0", &[("password", "pass"), ("user", "user")]),
        ("redis://:p%40%2F%3A%7C@h/0", "redis", "h/0", &[("password", "p@/:|")]),
        ("redis://u@h", "redis", "h", &[("user", "u")]),
        ("redis://u:p@q@h", "redis", "h", &[("password", "p@q"), ("user", "u")]),
        ("redis://u:p:q@h", "redis", "h", &[("password", "p:q"), ("user", "u")]),
        (" \t memory:x \r\n", "memory", "x", none),
        ("x-1:y?a%3Db=%26", "x-1", "y", &[("a=b", "&")]),
    ] {
        let params: Vec<_> = params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(parts(text), (scheme.to_owned(), place.to_owned(), params), "{text:?}");
    }
}

/// Every way to be wrong: the message has the given piece, the position where there is one, and not the text.
#[test]
fn what_is_wrong_is_said() {
    for (text, message) in [
        ("", "the text is empty"),
        (" \n", "the text is empty"),
        ("SECRET", "there is no scheme (byte 0)"),
        ("/SECRET/x", "there is no scheme (byte 0)"),
        ("  C:\\SECRET", "there is no scheme (byte 2)"),
        ("File:/SECRET", "there is no scheme (byte 0)"),
        ("a_b:SECRET", "there is no scheme"),
        ("1a:SECRET", "there is no scheme"),
        (":SECRET", "the scheme is empty (byte 0)"),
        ("://SECRET", "the scheme is empty (byte 0)"),
        ("s3://", "s3: there is no place behind the two slashes (byte 5)"),
        ("s3://?a=SECRET", "s3: there is no place behind the two slashes (byte 5)"),
        ("redis://u:SECRET@/0", "redis: there is no place behind the two slashes (byte 17)"),
        ("redis://u:SECRET@", "redis: there is no place"),
        ("redis://@SECRET", "redis: there is no user name before the @ (byte 8)"),
        ("redis://SECRET:@h", "redis: the password is empty (byte 15)"),
        // A password that was not escaped must not leak into the place.
        ("redis://u:SEC/RET@h/0", "redis: an @ stands behind the host (byte 17)"),
        ("redis://u:SEC?RET@h/0", "redis: an @ stands behind the host (byte 17)"),
        ("redis://u:1/RET@h/0", "redis: an @ stands behind the host (byte 15)"),
        ("redis://u:1?RET@h/0", "redis: an @ stands behind the host (byte 15)"),
        ("redis://u:SEC@/RET@h/0", "redis: an @ stands behind the host (byte 18)"),
        ("redis://u:SECRET", "redis: what follows the host's : is no port number (byte 8)"),
        ("redis://h:", "redis: what follows the host's : is no port number"),
        ("redis://[::1/0", "redis: what follows the host's : is no port number"),
        ("redis://[::1]x/0", "redis: what follows the host's : is no port number"),
        ("redis://u:SEC#RET@h/0", "redis: a # has no meaning here (byte 13)"),
        ("redis://u:SEC|RET@h/0", "redis: a | separates tiers, and this is one store (byte 13)"),
        ("file:/SECRET\nx", "file: a control character (byte 12)"),
        ("file:/SECRET\0x", "file: a control character (byte 12)"),
        ("file:/SECRET\u{85}x", "file: a control character (byte 12)"),
        ("file:/SECRET%00x", "file: the place holds a NUL (byte 12)"),
        ("file:/SECRET%", "file: the place has a % without two hexadecimal digits (byte 12)"),
        ("file:/SECRET%2", "file: the place has a % without two hexadecimal digits (byte 12)"),
        ("file:/SECRET%zz", "file: the place has a % without two hexadecimal digits (byte 12)"),
        ("file:/SECRET%+1", "file: the place has a % without two hexadecimal digits (byte 12)"),
        ("file:/SECRET%%41", "file: the place has a % without"),
        ("file:/%é", "file: the place has a % without"),
        ("file:/SECRET%ff", "file: the place is not UTF-8 when decoded (byte 5)"),
        ("s3://SEC%2FRET/x", "s3: the host holds a / (byte 5)"),
        ("redis://u:SECRET%00@h", "redis: the password holds a NUL (byte 16)"),
        ("redis://SECRET%00:x@h", "redis: the user name holds a NUL (byte 14)"),
        (
            "s3://b?secret_key=SECRET%zz",
            "s3: the value of \"secret_key\" has a % without two hexadecimal digits (byte 24)",
        ),
        ("s3://b?secret_key=SECRET%00", "s3: the value of \"secret_key\" holds a NUL (byte 24)"),
        ("s3://b?a=1&SECRET%00=x", "s3: the name of parameter 2 holds a NUL"),
        ("s3://b?a=1&&b=SECRET", "s3: parameter 2 has no = (byte 11)"),
        ("s3://b?a=SECRET&", "s3: parameter 2 has no = (byte 16)"),
        ("s3://b?a=1&verbose", "s3: the parameter \"verbose\" has no = (byte 11)"),
        ("s3://b?SECRET", "s3: parameter 1 has no = (byte 7)"),
        ("s3://b?=SECRET", "s3: parameter 1 has no name (byte 7)"),
        ("s3://b?a=SECRET&b=2&a=SECRET", "s3: parameter 3, \"a\", stands twice (byte 20)"),
        ("s3://b?a=SECRET&%61=2", "s3: parameter 2, \"a\", stands twice (byte 16)"),
        ("redis://u:SECRET@h?password=SECRET", "redis: parameter 1, \"password\", stands twice (byte 19)"),
        ("s3://b?url=SECRET", "s3: no parameter can have the name \"url\""),
        ("s3://b?secret_key=***", "s3: the value of \"secret_key\" is blacked out"),
        ("s3://b?fresh=30s", "s3: \"fresh\" is a parameter of a stack, and this store stands alone"),
        ("s3://b?fresh.user/=30s", "s3: \"fresh.…\" is a parameter of a stack"),
        ("s3://b?read=x", "s3: \"read\" is a parameter of a stack"),
        ("s3://b?fence_slots=1", "s3: \"fence_slots\" is a parameter of a stack"),
    ] {
        let error = StoreConfig::parse(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{text:?}");
        let said = format!("{error} {error:?}");
        assert!(said.contains(message), "{text:?}: {said}");
        for piece in ["SECRET", "SEC", "RET"] {
            assert!(!said.contains(piece), "{text:?}: {said}");
        }
    }
}

#[test]
fn maps() {
    let config = StoreConfig::from_map([("scheme", "file"), ("place", "/x|?y"), ("sync", "none")]).unwrap();
    assert_eq!(config, StoreConfig::parse("file:/x%7C%3Fy?sync=none").unwrap());
    let config = StoreConfig::from_map([("url", "s3://b/p?a=1"), ("secret_key", "s")]).unwrap();
    assert_eq!(config, StoreConfig::parse("s3://b/p?a=1&secret_key=s").unwrap());
    assert_eq!(
        StoreConfig::from_map([("scheme", "memory")]).unwrap(),
        StoreConfig::parse("memory:").unwrap()
    );
    for (map, message) in [
        (vec![], "neither `url` nor `scheme`"),
        (vec![("place", "SECRET")], "neither `url` nor `scheme`"),
        (vec![("url", "memory:SECRET"), ("scheme", "memory")], "`scheme` or `place` beside it"),
        (vec![("url", "memory:SECRET"), ("place", "x")], "`scheme` or `place` beside it"),
        (vec![("scheme", "SECRET!")], "the scheme is none"),
        (vec![("scheme", "")], "the scheme is none"),
        (vec![("scheme", "m"), ("place", "a\0b")], "m: a place cannot hold a NUL"),
        (vec![("scheme", "m"), ("a", "SECRET\0")], "m: the parameter \"a\" holds a NUL"),
        (vec![("scheme", "m"), ("", "SECRET")], "m: a parameter has no name"),
        (vec![("scheme", "m"), ("a", "SECRET"), ("a", "SECRET")], "the map names \"a\" twice"),
        (vec![("scheme", "m"), ("a", "***")], "the value of \"a\" is blacked out"),
        (vec![("url", "m:?a=SECRET"), ("a", "SECRET")], "m: the parameter \"a\" stands twice"),
        (vec![("scheme", "m"), ("fresh", "SECRET")], "\"fresh\" is a parameter of a stack"),
        (vec![("url", "SECRET")], "there is no scheme"),
    ] {
        let error = StoreConfig::from_map(map.clone()).expect_err(message);
        let said = format!("{error} {error:?}");
        assert!(said.contains(message) && !said.contains("SECRET"), "{map:?}: {said}");
    }
}

#[test]
fn paths() {
    assert_eq!(StoreConfig::parse("file:a/b").unwrap().path().unwrap().to_str(), Some("a/b"));
    assert_eq!(StoreConfig::parse("file:///a").unwrap().path().unwrap().to_str(), Some("/a"));
    let error = StoreConfig::parse("file://data/x").unwrap().path().unwrap_err();
    assert!(error.to_string().contains("two slashes stand before a host"), "{error}");
    let error = StoreConfig::parse("file:").unwrap().path().unwrap_err();
    assert!(error.to_string().contains("no path is given"), "{error}");
    assert_eq!(StoreConfig::parse("redis://u:p@h:1/0").unwrap().authority(), Some("h:1"));
    assert_eq!(StoreConfig::parse("s3:b/p").unwrap().authority(), None);
}
