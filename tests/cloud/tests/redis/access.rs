//! Who may come in, and how the way is kept secret.

use std::time::Duration;

use futures_util::TryStreamExt;
use larder::{Call, Env, ErrorKind, GetOptions, Key, PutOptions, Store, StoreExt};
use larder_cloud_tests::redis::{Certificates, Programs, Server};

use crate::subject::ACL;

#[tokio::test(flavor = "multi_thread")]
async fn users_and_rights() {
    let Some(server) = Server::for_test("access::users_and_rights", &[ACL]) else { return };
    let place = format!("127.0.0.1:{}", server.port());
    let anna = larder::open(&format!("redis://anna:geheim@{place}/0/app")).await.unwrap();
    anna.put("k", "v").await.unwrap();
    assert!(!format!("{anna:?} {:?}", anna.id()).contains("geheim"));

    for login in ["anna:s3same", "nobody:geheim"] {
        let store = larder::open(&format!("redis://{login}@{place}/0/app")).await.unwrap();
        let error = store.get("k").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        assert!(
            !format!("{error:?}").contains("s3same") && !format!("{error:?}").contains("geheim"),
            "{error:?}"
        );
    }

    // Each right that is missing is told where it is needed, and nothing is done by halves.
    let of_new = ["set", "zadd", "evalsha", "getrange", "zrangebylex"].map(|right| (right, "new"));
    let of_old = ["set", "zadd", "zrem"].map(|right| (right, "k"));
    let others = [("persist", "large"), ("time", "ends"), ("zrem", "many"), ("zadd", "many")];
    let deletes = ["del", "zrem", "zrangebylex"].map(|right| (right, "-"));
    let expires = PutOptions::new().with_expires(Env::system().wall() + Duration::from_secs(100));
    let before: Vec<larder::Listed> = anna.list("").try_collect().await.unwrap();
    for (right, name) in of_new.into_iter().chain(of_old).chain(others).chain(deletes) {
        server.cli(&["ACL", "SETUSER", "anna", &format!("-{right}")]).unwrap();
        let done = match name {
            "-" => anna.delete("k").await.map(drop),
            "many" => anna.put_many([("a", "1"), ("k", "2")]).await.unwrap().pop().unwrap().map(drop),
            "ends" => anna.put_opts(&Key::new(name).unwrap(), "w".into(), &expires).await.map(drop),
            "large" => anna.put(name, vec![7; 1 << 20]).await.map(drop),
            _ => anna.put(name, "w").await.map(drop),
        };
        let error = done.unwrap_err();
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Denied, true), "{right}: {error:?}");
        assert!(error.to_string().contains("+zrangebylex"), "{error}");
        server.cli(&["ACL", "SETUSER", "anna", &format!("+{right}")]).unwrap();
        assert_eq!(anna.get("k").await.unwrap().as_deref(), Some(&b"v"[..]), "{right}");
        let listed: Vec<larder::Listed> = anna.list("").try_collect().await.unwrap();
        assert_eq!(listed, before, "{right}, {name}");
    }
    // What only tidies up is not told.
    for right in ["time", "zrangebyscore"] {
        server.cli(&["ACL", "SETUSER", "anna", &format!("-{right}")]).unwrap();
        for _ in 0..8 {
            anna.put("k", "v").await.unwrap();
        }
        server.cli(&["ACL", "SETUSER", "anna", &format!("+{right}")]).unwrap();
    }
    // Nor may anybody leave the keys that are allowed.
    server.cli(&["ACL", "SETUSER", "anna", "resetkeys", "~{larder:other:*"]).unwrap();
    for error in [anna.get("k").await.unwrap_err(), anna.put("k", "w").await.map(drop).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    }
    let error = anna.list("").try_next_error().await;
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
}

/// The first error of a listing.
trait FirstError {
    async fn try_next_error(self) -> larder::Error;
}

impl FirstError for larder::Items<larder::Listed> {
    async fn try_next_error(mut self) -> larder::Error {
        self.try_next().await.unwrap_err()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates() {
    let test = "access::certificates";
    let (Some(programs), Some(mine)) = (Programs::for_test(test), Certificates::for_test(test)) else {
        return;
    };
    let Some(other) = Certificates::for_test(test) else { return };
    // Redis wants a certificate of the client, too, unless it is told not to.
    let server = Server::start_tls(&programs, &[], mine.clone()).unwrap();
    let place = format!("127.0.0.1:{}/0/app", server.port());
    let client = |authority: &Certificates, of: Option<&Certificates>| {
        let own = of.map_or(String::new(), |of| {
            format!("&cert_file={}&key_file={}", of.client_cert().display(), of.client_key().display())
        });
        format!("rediss://{place}?ca_file={}{own}", authority.ca().display())
    };
    let store = larder::open(&client(&mine, Some(&mine))).await.unwrap();
    store.put("k", vec![3; 3 << 20]).await.unwrap();
    assert_eq!(store.get("k").await.unwrap().map(|value| value.len()), Some(3 << 20));

    let soon = || GetOptions::new().with_call(Call::within(&Env::system(), Duration::from_secs(3)));
    let key = Key::new("k").unwrap();
    // An authority that did not sign it, none that this machine knows, no certificate of our own, one of another authority.
    for (url, kind, says) in [
        (client(&other, Some(&mine)), ErrorKind::Invalid, "ca_file"),
        (format!("rediss://{place}"), ErrorKind::Invalid, "ca_file"),
        (client(&mine, None), ErrorKind::Denied, "cert_file"),
        (client(&mine, Some(&other)), ErrorKind::Denied, "cert_file"),
    ] {
        let error = match larder::open(&url).await {
            Ok(store) => store.get_opts(&key, &soon()).await.unwrap_err(),
            // A machine without authorities of its own.
            Err(error) => error,
        };
        assert_eq!(error.kind(), kind, "{url}: {error:?}");
        assert!(error.to_string().contains(says), "{url}: {error}");
    }
    // In the clear, where TLS is spoken.
    let store = larder::open(&format!("redis://{place}?attempts=2")).await.unwrap();
    let error = store.get_opts(&key, &soon()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    // TLS, where it is not spoken.
    let plain = Server::start(&programs, &[]).unwrap();
    let url = format!("rediss://127.0.0.1:{}?ca_file={}&attempts=2", plain.port(), mine.ca().display());
    let error = larder::open(&url).await.unwrap().get_opts(&key, &soon()).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Unavailable | ErrorKind::Timeout),
        "{error:?}"
    );
}
