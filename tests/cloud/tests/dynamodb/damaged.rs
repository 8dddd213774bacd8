//! Answers that are not what was sent.

use std::net::{Ipv4Addr, SocketAddr};

use larder::{ErrorKind, StoreExt};
use larder_cloud_tests::dynamodb::url;
use larder_cloud_tests::proxy::{Harm, Plan, Proxy, Speech};

use crate::servers::{Server, on_both};

on_both! { no_damaged_answer_is_believed }

/// One bit of a name in an answer makes an item that is there an absent one.
async fn no_damaged_answer_is_believed(server: &Server) {
    let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
    let proxy = Proxy::start(upstream, Speech::DynamoDb).unwrap();
    let url = url(proxy.address().port(), "table/p");
    let store = larder::open(&format!("{url}{}&create=true", server.parameters())).await.unwrap();
    store.put("k", "v").await.unwrap();
    proxy.harm(Plan::new(7).with(Harm::DamagedAnswer, 0.5));
    for n in 0..100 {
        match store.get("k").await {
            Ok(got) => assert_eq!(got.as_deref(), Some(&b"v"[..]), "{n}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{n}: {error}"),
        }
    }
    let damaged: u64 = proxy.counts().values().sum();
    assert!(damaged > 20, "{damaged}");
    proxy.heal();
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"v"[..]));
}
