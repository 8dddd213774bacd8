//! What goes wrong between a store and Google Cloud Storage, DynamoDB or Redis.

use std::path::Path;

use larder::gs::{GsConfig, GsStore};
use larder::{Call, ErrorKind, Key, OpenOptions, PutItem, PutOptions, Step, StoreExt};
use larder_cloud_tests::ministack::MiniStack;
use larder_cloud_tests::{dynamodb, gs, redis};

use crate::provoke::without_ports;
use crate::rows::Rows;

pub(crate) async fn add(rows: &mut Rows, root: &Path) {
    google(rows, root).await;
    tables(rows).await;
    servers(rows).await;
}

async fn google(rows: &mut Rows, root: &Path) {
    let section = "Google Cloud Storage";
    let double = gs::Double::start(gs::DoubleOptions::default()).unwrap();
    double.create_bucket("bucket");
    let ports = [double.endpoint(), double.grpc_endpoint()]
        .map(|at| at.rsplit(':').next().unwrap_or_default().trim_end_matches('/').to_owned());
    let mut row = |cause: &str, kind: ErrorKind, answer: Result<(), larder::Error>| {
        rows.add(section, cause.to_owned(), None, kind, without_ports(answer, &ports));
    };
    let missing = larder::open(&double.url("nothing/app")).await.unwrap();
    row("a bucket that is missing, at a get", ErrorKind::Invalid, missing.get("k").await.map(drop));
    row("a bucket that is missing, at a put", ErrorKind::Invalid, missing.put("k", "v").await.map(drop));

    let config =
        GsConfig::new("bucket").with_endpoint(double.endpoint()).with_grpc_endpoint(double.grpc_endpoint());
    double.set_token(Some("right"));
    let unknown = GsStore::open(config.clone().with_access_token("wrong")).await.unwrap();
    row("a token that is not known, at a get", ErrorKind::Denied, unknown.get("k").await.map(drop));
    double.set_token(None);
    let store = GsStore::open(config.with_access_token("token")).await.unwrap();
    let key = Key::new("k").unwrap();
    let signed = store.presigned_get(&key, std::time::Duration::from_secs(60), &Call::default()).await;
    row("a signed URL of credentials that cannot sign", ErrorKind::Unsupported, signed.map(drop));

    let path = root.join("key.json");
    std::fs::write(&path, "{}").unwrap();
    let url = format!("gs://bucket?service_account_file={}", path.display());
    let none = larder::open(&url).await.unwrap().get("k").await;
    rows.add(section, "a key file that is none", path.parent(), ErrorKind::Invalid, none.map(drop));
    let two = larder::open("gs://bucket?anonymous=true&access_token=a").await;
    rows.add(section, "credentials given in two ways", None, ErrorKind::Invalid, two.map(drop));
    let name = larder::open("gs://Bucket!").await;
    rows.add(section, "a name that no bucket has", None, ErrorKind::Invalid, name.map(drop));
}

async fn tables(rows: &mut Rows) {
    let section = "DynamoDB";
    let nameless = larder::open("dynamodb:").await;
    rows.add(section, "no table", None, ErrorKind::Invalid, nameless.map(drop));
    let causes = [
        "a table that is missing, at a get",
        "another number of shards than it was written with",
        "a namespace that is missing and not to be created",
        "a transaction of 101 keys",
        "a transaction where there are to be none",
    ];
    let Some(server) = MiniStack::for_test("the_page_is_what_the_stores_say") else {
        return causes.into_iter().for_each(|cause| rows.skip(section, cause));
    };
    let mut row = |cause: &str, kind: ErrorKind, answer: Result<(), larder::Error>| {
        rows.add(section, cause.to_owned(), None, kind, without_ports(answer, &[server.port().to_string()]));
    };
    let url = |place: &str| dynamodb::url(server.port(), place);
    let missing = larder::open(&url("missing/app")).await.unwrap();
    row(causes[0], ErrorKind::Invalid, missing.get("k").await.map(drop));
    let store = larder::open(&format!("{}&create=true", url("table/app"))).await.unwrap();
    store.put("k", "v").await.unwrap();
    let other = larder::open(&format!("{}&shards=3", url("table/app"))).await.unwrap();
    row(causes[1], ErrorKind::Invalid, other.get("k").await.map(drop));
    let options = OpenOptions::new().with_create_if_missing(false);
    let unmade = larder::registry().open_url(&url("table/unmade"), &options).await;
    row(causes[2], ErrorKind::Invalid, unmade.map(drop));
    let step = |n| {
        Step::Put(PutItem {
            key: Key::new(format!("k/{n}")).unwrap(),
            value: "v".into(),
            options: PutOptions::new(),
        })
    };
    let steps = |n: usize| (0..n).map(step).collect();
    row(causes[3], ErrorKind::Unsupported, store.transact(steps(101)).await.map(drop));
    let without = larder::open(&format!("{}&transactions=false", url("table/app"))).await.unwrap();
    row(causes[4], ErrorKind::Unsupported, without.transact(steps(2)).await.map(drop));
}

async fn servers(rows: &mut Rows) {
    let section = "Redis";
    let nobody = larder::open("redis://127.0.0.1:1/0/app?attempts=1").await.unwrap();
    let silent = nobody.get("k").await.map(drop);
    rows.add(section, "a server that nobody answers at", None, ErrorKind::Unavailable, silent);
    let causes = [
        "a password that is another one",
        "another number of shards than it was written with",
        "a server that evicts, as an origin that is probed",
    ];
    let settings = ["user anna on >geheim ~* +@all", "maxmemory 64mb", "maxmemory-policy allkeys-lru"];
    let Some(server) = redis::Server::for_test("the_page_is_what_the_stores_say", &settings) else {
        return causes.into_iter().for_each(|cause| rows.skip(section, cause));
    };
    let mut row = |cause: &str, kind: ErrorKind, answer: Result<(), larder::Error>| {
        rows.add(section, cause.to_owned(), None, kind, without_ports(answer, &[server.port().to_string()]));
    };
    let url = server.url("app");
    let wrong = larder::open(&format!("{url}&user=anna&password=falsch")).await.unwrap();
    row(causes[0], ErrorKind::Denied, wrong.get("k").await.map(drop));
    larder::open(&url).await.unwrap().put("k", "v").await.unwrap();
    let other = larder::open(&format!("{url}&shards=8")).await.unwrap();
    row(causes[1], ErrorKind::Invalid, other.get("k").await.map(drop));
    let evicts = larder::open(&format!("memory: | {url}&durability=probed&fresh=30s")).await;
    row(causes[2], ErrorKind::Unsupported, evicts.map(drop));
}
