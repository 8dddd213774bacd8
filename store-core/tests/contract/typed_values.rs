//! Values of a type.
#![cfg(feature = "conformance")]

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use larder_store_core::cbor::{self, Value};
use larder_store_core::conformance::{Place, Reference};
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{
    Attributes, Deleted, Env, ErrorKind, GetOptions, Got, Key, Native, Op, PutOptions, Store, StoreExt,
    Typed, UpdateOptions, Updated,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
    visits: u64,
    tags: HashMap<String, Option<i8>>,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Guest,
    Member { since: u16, score: f64 },
    Pair(i64, char),
}

fn user(name: &str) -> User {
    User {
        name: name.into(),
        visits: u64::MAX,
        tags: [("b".into(), Some(-1)), ("aa".into(), None), ("c".into(), Some(7))].into(),
        kind: Kind::Member { since: 2020, score: 0.1 },
    }
}

fn reference() -> Arc<Reference> {
    Arc::new(Reference::new(&Place::new("typed", Env::system())))
}

fn users() -> (Arc<Reference>, Typed<Arc<Reference>, User>) {
    let store = reference();
    (store.clone(), store.typed())
}

#[tokio::test]
async fn there_and_back() {
    let (store, users) = users();
    for (i, kind) in [Kind::Guest, Kind::Pair(i64::MIN, '\u{10ffff}'), user("").kind].into_iter().enumerate()
    {
        let user = User { kind, ..user("Anna") };
        let key = format!("user/{i}");
        let written = users.put(&key, &user).await.unwrap();
        assert_eq!(users.get(&key).await.unwrap().as_ref(), Some(&user));
        assert_eq!(users.get_versioned(&key).await.unwrap(), Some((user.clone(), written.version.clone())));
        let got = users.get_opts(&key, &GetOptions::new()).await.unwrap();
        assert_eq!(got.into_body(), Some(user));
        let unless = GetOptions::new().with_unless(written.version);
        assert!(matches!(users.get_opts(&key, &unless).await.unwrap(), Got::Unchanged(_)));
        let attributes = store.head(&key).await.unwrap().unwrap().attributes.unwrap();
        assert_eq!(attributes.native(Native::ContentType), Some("application/cbor"));
    }
    assert_eq!(users.get("absent").await.unwrap(), None);
    assert_eq!(users.get_versioned("absent").await.unwrap(), None);
    assert_eq!(users.get_opts("absent", &GetOptions::new()).await.unwrap(), Got::Absent);
    let part = GetOptions::new().with_range(0..1);
    assert_eq!(users.get_opts("user/0", &part).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert!(format!("{users:?}").contains("User"));
    assert_eq!(users.clone().store().id(), store.id());
}

#[tokio::test]
async fn equal_values_are_equal_bytes_and_plain_cbor() {
    let (store, users) = users();
    let mut all = Vec::new();
    for i in 0..20 {
        // Each map of the standard library has an order of its own.
        users.put(format!("{i}"), &user("Anna")).await.unwrap();
        all.push(store.get(format!("{i}")).await.unwrap().unwrap());
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    let value = cbor::decode(&all[0]).unwrap();
    assert_eq!(cbor::encode_deterministic(&value).unwrap(), all[0], "and the deterministic ones");
    let name = value.as_map().unwrap().iter().find(|(k, _)| *k == Value::from("name")).unwrap();
    assert_eq!(name.1, Value::from("Anna"));
    // Known bytes: {"a": [1, null], "bb": h'..' as an array}, sorted by encoded key.
    let pairs = reference();
    pairs
        .clone()
        .typed::<HashMap<String, (u8, Option<u8>)>>()
        .put("k", &[("bb".into(), (2, Some(3))), ("a".into(), (1, None))].into())
        .await
        .unwrap();
    assert_eq!(
        pairs.get("k").await.unwrap().unwrap(),
        [0xa2, 0x61, b'a', 0x82, 1, 0xf6, 0x62, b'b', b'b', 0x82, 2, 3][..]
    );
}

#[tokio::test]
async fn conditions_and_deletes() {
    let (store, users) = users();
    let first = users.put_if_absent("k", &user("a")).await.unwrap().version;
    assert_eq!(users.put_if_absent("k", &user("b")).await.unwrap_err().kind(), ErrorKind::Conflict);
    let second = users.put_if_matches("k", &user("c"), first.clone()).await.unwrap().version;
    assert_eq!(
        users.put_if_matches("k", &user("d"), first.clone()).await.unwrap_err().kind(),
        ErrorKind::Conflict
    );
    assert_eq!(users.get("k").await.unwrap().unwrap().name, "c");
    assert_eq!(users.delete_if_matches("k", first).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(users.delete_if_matches("k", second).await.unwrap().existed, Deleted::Yes);
    assert_eq!(users.delete("k").await.unwrap().existed, Deleted::No);
    let options =
        PutOptions::new().with_attributes(Attributes::new().set("owner", "anna").content_type("text/x"));
    users.put_opts("k", &user("e"), options).await.unwrap();
    let attributes = store.head("k").await.unwrap().unwrap().attributes.unwrap();
    assert_eq!(
        (attributes.get("owner"), attributes.native(Native::ContentType)),
        (Some("anna"), Some("application/cbor"))
    );
}

#[tokio::test]
async fn updates() {
    let (store, users) = users();
    let k = Key::new("k").unwrap();
    let Updated::Written { value, written } = users
        .update("k", |user_now| {
            assert_eq!(user_now, None);
            Some(user("new"))
        })
        .await
        .unwrap()
    else {
        panic!("it was written")
    };
    assert_eq!(
        (value, Some(written.version)),
        (user("new"), store.head("k").await.unwrap().unwrap().version)
    );
    let attributes = store.head("k").await.unwrap().unwrap().attributes.unwrap();
    assert_eq!(attributes, Attributes::new().content_type("application/cbor"));
    // Attributes are kept, and so is the content type when others are given.
    let set = PutOptions::new().with_attributes(Attributes::new().set("owner", "anna"));
    store.put_opts(&k, store.get("k").await.unwrap().unwrap(), &set).await.unwrap();
    users.update("k", |u| u.map(|u| User { visits: 1, ..u })).await.unwrap();
    let attributes = store.head("k").await.unwrap().unwrap().attributes.unwrap();
    assert_eq!(attributes, Attributes::new().set("owner", "anna").content_type("application/cbor"));
    let options = UpdateOptions::new().with_attributes(Attributes::new().set("owner", "ben"));
    users.update_opts("k", options, |u| u.map(|u| User { visits: 2, ..u })).await.unwrap();
    let attributes = store.head("k").await.unwrap().unwrap().attributes.unwrap();
    assert_eq!(attributes, Attributes::new().set("owner", "ben").content_type("application/cbor"));
    assert_eq!(users.get("k").await.unwrap().unwrap().visits, 2);
    assert!(matches!(users.update("k", |_| None).await.unwrap(), Updated::Removed(_)));
    assert_eq!(users.update("k", |_| None).await.unwrap(), Updated::Nothing);
    // What is there and is no user stays, and the change never sees it.
    store.put("k", "no cbor").await.unwrap();
    let error = users.update("k", |_| panic!("it is not decodable")).await.unwrap_err();
    assert_eq!((error.kind(), error.op(), error.key()), (ErrorKind::Corrupt, Op::Update, Some(&k)));
    assert_eq!(store.get("k").await.unwrap().unwrap(), "no cbor");
}

#[tokio::test]
async fn an_update_gives_the_value_of_its_last_attempt() {
    let store = FaultStore::new(
        reference(),
        Faults::new(1, [Fault::before([Op::Put]).fail(ErrorKind::Conflict).times(2)]).unwrap(),
    );
    let numbers = store.typed::<u32>();
    let mut attempt = 0;
    let updated = numbers
        .update("k", |_| {
            attempt += 1;
            Some(attempt)
        })
        .await
        .unwrap();
    assert!(matches!(updated, Updated::Written { value: 3, .. }), "{updated:?}");
    assert_eq!(numbers.get("k").await.unwrap(), Some(3));
}

#[tokio::test]
async fn lists_in_order_and_goes_on_behind_a_wrong_value() {
    let (store, users) = users();
    for i in 0..50 {
        users.put(format!("user/{i:02}"), &User { visits: i, ..user("x") }).await.unwrap();
    }
    users.put("other", &user("x")).await.unwrap();
    let all: Vec<_> = users.list("user/").try_collect().await.unwrap();
    assert_eq!(all.iter().map(|e| e.value.visits).collect::<Vec<_>>(), (0..50).collect::<Vec<_>>());
    assert_eq!(all[7].meta.key.as_str(), "user/07");
    assert_eq!(all[7].meta.version, store.head("user/07").await.unwrap().unwrap().version);
    assert_eq!(users.list("none/").count().await, 0);
    store.put("user/20", "no cbor").await.unwrap();
    let all: Vec<_> = users.list("user/").collect().await;
    assert_eq!(all.len(), 50);
    let error = all[20].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.key().map(Key::as_str)), (ErrorKind::Corrupt, Some("user/20")));
    assert!(all.iter().enumerate().all(|(i, e)| e.is_ok() == (i != 20)));
    // One that goes away between the listing and the read is left out, one that cannot be read is an error.
    let mut listing = Box::pin(users.list("user/"));
    listing.next().await.unwrap().unwrap();
    store.delete("user/40").await.unwrap();
    let rest: Vec<_> = listing.collect().await;
    assert_eq!(rest.len(), 48);
    assert!(rest.iter().flatten().all(|e| e.meta.key.as_str() != "user/40"));
    let faults = Faults::new(
        1,
        [Fault::before([Op::GetMany]).nth(2), Fault::before([Op::List]).cut(30, ErrorKind::Throttled)],
    )
    .unwrap();
    let struck = FaultStore::new(store, faults).typed::<User>();
    let all: Vec<_> = struck.list("user/").collect().await;
    let kinds: Vec<_> =
        all.iter().enumerate().filter_map(|(i, e)| Some((i, e.as_ref().err()?.kind()))).collect();
    assert_eq!(kinds, [(1, ErrorKind::Unavailable), (20, ErrorKind::Corrupt), (30, ErrorKind::Throttled)]);
    assert_eq!(all.len(), 31);
}

#[tokio::test]
async fn what_is_no_such_value_is_corrupt_and_not_shown() {
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        number: u8,
        kind: Kind,
    }
    let store = reference();
    let strict = store.clone().typed::<Strict>();
    let text = |s: &str| Value::from(s);
    let map = |entries: &[(&str, Value)]| {
        let entries = entries.iter().map(|(k, v)| (text(k), v.clone())).collect();
        Bytes::from(cbor::encode_deterministic(&Value::Map(entries)).unwrap())
    };
    let guest = || text("Guest");
    let good = map(&[("number", 1.into()), ("kind", guest())]);
    let mut deep = vec![0x81; 100_000];
    deep.push(0);
    for (bytes, why) in [
        (map(&[("kind", guest())]), "missing field `number`"),
        (map(&[("number", text("CANARY")), ("kind", guest())]), "something else than integer"),
        (map(&[("number", 256.into()), ("kind", guest())]), "something else than u8"),
        (
            map(&[("number", 1.into()), ("kind", text("CANARY"))]),
            "something else than one of `Guest`, `Member`, `Pair`",
        ),
        (
            map(&[("number", 1.into()), ("kind", guest()), ("CANARY", 1.into())]),
            "something else than `number` or `kind`",
        ),
        (Bytes::from("CANARY, expected CANARY"), "no "),
        (Bytes::new(), "it ends too early"),
        (good.slice(..good.len() - 1), "it ends too early"),
        ([&good[..], b"\0"].concat().into(), "bytes behind it"),
        (Bytes::from_static(&[0xff]), "no "),
        (Bytes::from_static(&[0x1c]), "damaged at byte 0"),
        (
            Bytes::from_static(&[
                0xa1, 0x66, b'n', b'u', b'm', b'b', b'e', b'r', 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                0xff, 0xff,
            ]),
            "no ",
        ),
        (deep.into(), "no "),
    ] {
        store.put("k", bytes.clone()).await.unwrap();
        let error = strict.get("k").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        let said = format!("{error} {error:?}");
        assert!(
            said.contains("\"k\"") && said.contains("Strict") && said.contains(why),
            "{bytes:x?}: {said}"
        );
        assert!(!said.contains("CANARY"), "{said}");
        assert_eq!(error.store(), Some(store.id()));
    }
    store.put("k", good).await.unwrap();
    assert_eq!(strict.get("k").await.unwrap().unwrap().number, 1);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Node(Box<Tree>),
    Named { child: Box<Tree> },
    Many(Vec<Tree>),
}

/// Whatever is taken can be read back, and the rest is refused before it is written.
#[tokio::test]
async fn nesting_is_bounded_on_both_sides() {
    let store = reference();
    let trees = store.clone().typed::<Tree>();
    type Wrap = fn(Tree) -> Tree;
    let wraps: [(Wrap, usize); 3] = [
        (|t| Tree::Node(Box::new(t)), 63),
        (|t| Tree::Named { child: Box::new(t) }, 31),
        (|t| Tree::Many(vec![t]), 31),
    ];
    for (wrap, most) in wraps {
        let nested = |levels| (0..levels).fold(Tree::Leaf, |tree, _| wrap(tree));
        trees.put("k", &nested(most)).await.unwrap();
        assert_eq!(trees.get("k").await.unwrap(), Some(nested(most)));
        cbor::decode(&store.get("k").await.unwrap().unwrap()).unwrap();
        let error = trees.put("k", &nested(most + 1)).await.unwrap_err();
        assert_eq!((error.kind(), error.key().map(Key::as_str)), (ErrorKind::Invalid, Some("k")), "{error}");
        assert!(error.to_string().contains("63 levels"), "{error}");
        assert_eq!(trees.get("k").await.unwrap(), Some(nested(most)), "nothing was written");
    }
    // A reader of something else follows no further.
    let mut deep = vec![0x81; 65];
    deep.push(0);
    store.put("k", deep).await.unwrap();
    let error = store.clone().typed::<Value>().get("k").await.unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("64 levels"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_written_is_refused() {
    #[derive(Debug)]
    struct No;
    impl Serialize for No {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("CANARY"))
        }
    }
    impl<'de> Deserialize<'de> for No {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<No, D::Error> {
            Err(serde::de::Error::custom("CANARY, expected CANARY"))
        }
    }
    let store = reference();
    let no = store.clone().typed::<No>();
    let error = no.put("k", &No).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && !format!("{error:?}").contains("CANARY"), "{error:?}");
    let error = no.update("k", |_| Some(No)).await.unwrap_err();
    assert_eq!((error.kind(), error.op()), (ErrorKind::Invalid, Op::Update));
    assert!(!store.exists("k").await.unwrap());
    store.put("k", [0].to_vec()).await.unwrap();
    let error = no.get("k").await.err().unwrap();
    assert!(error.kind() == ErrorKind::Corrupt && !format!("{error:?}").contains("CANARY"), "{error:?}");
}
