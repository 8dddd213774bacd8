//! Asking a live service whether it keeps its word.

use larder::{Call, CasScope, Env, OpenOptions};
use larder_store_backends::dynamodb::{DynamoConfig, DynamoStore};

use crate::servers::{On, Server, drained, lacks, on_both};

on_both! { both_keep_what_is_promised }

async fn both_keep_what_is_promised(server: &Server) {
    let config = DynamoConfig::new("table")
        .with_namespace("p")
        .with_region("us-east-1")
        .with_endpoint(format!("http://127.0.0.1:{}", server.port()))
        .with_keys("test", "test")
        .with_create(true)
        .with_transactions(matches!(server, Server::MiniStack(_)));
    let store = DynamoStore::open_with(config, &OpenOptions::new()).await.unwrap();
    let probed = store.probe(&Call::default()).await.unwrap();
    assert!(probed.conditions_hold() && probed.conditional_delete && probed.read_after_write, "{probed}");
    let all = larder::probe::probe(&store, &Env::system(), &Call::default()).await.unwrap();
    assert!(all.kept(), "{all:?}");
    assert_eq!(larder::Store::guarantees(&store).cas, CasScope::Global);
    if let Server::Dynalite(_) = server {
        lacks("probe", On::Dynalite, "TransactWriteItems", "on_ministack");
        assert!(
            all.findings.iter().any(|f| f.what == "transactions" && f.found.to_string() == "not promised")
        );
    }
    // Nothing is left behind but the marker, and chunks of a value that was deleted, which the service removes.
    drained(&store).await;
    let left = crate::sweep::items(server.port(), "table").await;
    assert!(left.iter().all(|pk| matches!(&pk[..2], "m:" | "c:" | "p:")), "{left:?}");
}
