//! The other server starts, answers, and ends.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use larder_cloud_tests::ministack::MiniStack;

#[tokio::test]
async fn it_answers() {
    let Some(server) = MiniStack::for_test("ministack::it_answers") else { return };
    let config = aws_sdk_s3::config::Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(server.endpoint())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    let s3 = Client::from_conf(config.build());
    s3.create_bucket().bucket("things").send().await.unwrap();
    s3.put_object().bucket("things").key("k").body(b"v".to_vec().into()).send().await.unwrap();
    let got = s3.get_object().bucket("things").key("k").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"v");
    let again = s3.put_object().bucket("things").key("k").if_none_match("*").send().await.unwrap_err();
    assert_eq!(again.raw_response().unwrap().status().as_u16(), 412);
    let port = server.port();
    drop(server);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "it still listens");
}
