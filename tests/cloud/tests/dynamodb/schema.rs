//! The table: made on request, checked where it is there.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveStatus,
};
use larder::{ErrorKind, OpenOptions, Store, StoreExt};

use crate::servers::{On, Server, lacks, on_both};
use crate::sweep::client;

on_both! { it_is_made_on_request_only others_are_refused what_is_not_there_is_said }

async fn it_is_made_on_request_only(server: &Server) {
    let url = server.url("made/p");
    let store = larder::open(&url).await.unwrap();
    for error in [
        store.get("k").await.map(drop).unwrap_err(),
        store.put("k", "v").await.map(drop).unwrap_err(),
        larder::registry()
            .open_url(&url, &OpenOptions::new().with_create_if_missing(false))
            .await
            .map(drop)
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("create=true"), "{error}");
    }
    assert!(!larder::registry().exists(&url.parse().unwrap(), &OpenOptions::new()).await.unwrap());
    let tables = client(server.port()).list_tables().send().await.unwrap();
    assert_eq!(tables.table_names(), [] as [String; 0], "nobody asked for one");

    // Several make it at once.
    let create = format!("{url}&create=true");
    let opened = futures_util::future::join_all((0..4).map(|_| larder::open(&create))).await;
    for store in opened {
        store.unwrap().put("k", "v").await.unwrap();
    }
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"v"[..]), "the handle from before finds it");
    let client = client(server.port());
    let table = client.describe_table().table_name("made").send().await.unwrap().table.unwrap();
    let keys: Vec<_> =
        table.key_schema().iter().map(|k| (k.attribute_name(), k.key_type().clone())).collect();
    assert_eq!(keys, [("pk", KeyType::Hash), ("sk", KeyType::Range)]);
    assert_eq!(
        table.billing_mode_summary().and_then(|b| b.billing_mode()),
        Some(&BillingMode::PayPerRequest)
    );
    match server {
        Server::MiniStack(_) => {
            let ttl = client.describe_time_to_live().table_name("made").send().await.unwrap();
            let ttl = ttl.time_to_live_description().unwrap();
            assert_eq!(ttl.attribute_name(), Some("ttl"));
            assert_eq!(ttl.time_to_live_status(), Some(&TimeToLiveStatus::Enabled));
        }
        Server::Dynalite(_) => {
            lacks("it_is_made_on_request_only", On::Dynalite, "UpdateTimeToLive", "on_ministack");
            let spec = aws_sdk_dynamodb::types::TimeToLiveSpecification::builder();
            let spec = spec.attribute_name("ttl").enabled(true).build().unwrap();
            let update = client.update_time_to_live().table_name("made").time_to_live_specification(spec);
            assert!(update.send().await.is_err(), "it has it by now: test it");
        }
    }
    // A second time it changes nothing.
    assert!(larder::open(&create).await.unwrap().get("k").await.unwrap().is_some());
}

async fn table(server: &Server, name: &str, keys: &[(&str, KeyType, ScalarAttributeType)]) {
    let mut create =
        client(server.port()).create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (name, kind, of) in keys {
        let definition = AttributeDefinition::builder().attribute_name(*name).attribute_type(of.clone());
        let element = KeySchemaElement::builder().attribute_name(*name).key_type(kind.clone());
        create =
            create.attribute_definitions(definition.build().unwrap()).key_schema(element.build().unwrap());
    }
    create.send().await.unwrap();
}

async fn others_are_refused(server: &Server) {
    use KeyType::{Hash, Range};
    use ScalarAttributeType::{B, S};
    let tables = [
        ("users", vec![("id", Hash, S)], "\"id\" of type S"),
        ("single", vec![("pk", Hash, S)], "no sort key"),
        ("texts", vec![("pk", Hash, S), ("sk", Range, S)], "\"sk\" of type S"),
        ("binary", vec![("pk", Hash, B), ("sk", Range, B)], "\"pk\" of type B"),
    ];
    for (name, keys, differs) in tables {
        table(server, name, &keys).await;
        let url = server.url(&format!("{name}/p"));
        let registry = larder::registry();
        let (config, options) = (url.parse().unwrap(), OpenOptions::new());
        let store = larder::open(&url).await.unwrap();
        for error in [
            larder::open(&format!("{url}&create=true")).await.map(drop).unwrap_err(),
            registry.exists(&config, &options).await.map(drop).unwrap_err(),
            registry.destroy(&config, &options).await.map(drop).unwrap_err(),
            store.get("k").await.map(drop).unwrap_err(),
            store.put("k", "v").await.map(drop).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert!(error.to_string().contains(differs), "{error}");
            assert!(error.advice().is_some_and(|hint| hint.contains("another")), "{error}");
        }
        let scan = client(server.port()).scan().table_name(name).send().await.unwrap();
        assert_eq!(scan.count(), 0, "nothing was written into a table of others");
    }
}

async fn what_is_not_there_is_said(server: &Server) {
    drop(server.behind_proxy().await);
    let url = server.url("table/never");
    let missing = OpenOptions::new().with_create_if_missing(false);
    let error = larder::registry().open_url(&url, &missing).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("nothing was ever written"), "{error}");
    let store = larder::open(&url).await.unwrap();
    assert_eq!(store.get("k").await.unwrap(), None, "an empty namespace is none that is missing");
    store.put("k", "v").await.unwrap();
    store.close(&larder::Call::default()).await.unwrap();
    let store = larder::registry().open_url(&url, &missing).await.unwrap();
    assert!(store.get("k").await.unwrap().is_some());
}
