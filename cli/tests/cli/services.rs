//! The command on Google Cloud Storage, DynamoDB and Redis: what is said of one backend holds for each.

use larder_cloud_tests::ministack::MiniStack;
use larder_cloud_tests::{dynamodb, gs, redis};

use crate::shop::{Shop, objects};

/// From the first value to a move into a folder and back, with what is found wrong and what a kill would leave.
fn goes_through_everything(store: &str) {
    let shop = Shop::new();
    shop.ok_fed(&["put", store, "user/7", "--content-type", "text/plain"], b"Anna");
    let large: Vec<u8> = (0..3 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    shop.ok_fed(&["put", store, "large"], &large);
    assert_eq!(shop.ok(&["get", store, "user/7"]), "Anna");
    assert_eq!(shop.ok(&["ls", store, "--recursive"]).lines().collect::<Vec<_>>(), ["large", "user/7"]);
    assert_eq!(shop.run(&["get", store, "user/8"]).code, 3);
    // Somebody else's condition does not hold.
    let there = shop.feed(&["put", store, "user/7", "--if-absent"], b"Berta");
    assert_eq!(there.code, 4, "{there:?}");

    let probed = shop.run(&["--json", "probe", store]);
    assert_eq!(probed.code, 0, "{probed:?}");
    let told = &objects(&probed.out)[0];
    let broken = |one: &&serde_json::Value| one["found"] == "broken";
    assert!(told["findings"].as_array().unwrap().iter().find(broken).is_none(), "{told}");
    let doctor = shop.run(&["doctor", store]);
    assert_eq!(doctor.code, 0, "{doctor:?}");
    let swept = shop.run(&["gc-uploads", store, "--older-than", "0s", "--yes"]);
    assert_eq!(swept.code, 0, "{swept:?}");

    shop.ok(&["-q", "copy", store, "file:replica"]);
    shop.ok(&["-q", "verify", store, "file:replica"]);
    shop.ok(&["-q", "export", store, "dump.larder"]);
    shop.ok(&["rm", store, "large", "user/7", "--yes"]);
    assert_eq!(shop.ok(&["ls", store]), "");
    shop.ok(&["-q", "import", "dump.larder", store]);
    shop.ok(&["-q", "verify", store, "file:replica"]);
}

#[test]
fn on_google_cloud_storage() {
    let double = gs::Double::start(gs::DoubleOptions::default()).unwrap();
    double.create_bucket("bucket");
    goes_through_everything(&double.url("bucket/app"));
}

#[test]
fn on_dynamodb() {
    let Some(server) = MiniStack::for_test("services::on_dynamodb") else { return };
    goes_through_everything(&format!("{}&create=true", dynamodb::url(server.port(), "table/app")));
}

#[test]
fn on_redis() {
    let Some(server) = redis::Server::for_test("services::on_redis", &[]) else { return };
    goes_through_everything(&server.url("app"));
}
