//! A double with one bucket, and an SDK client for it.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use larder_cloud_tests::s3::{Double, DoubleOptions};

pub(crate) const BUCKET: &str = "things";

pub(crate) fn double() -> Double {
    Double::start(DoubleOptions { buckets: vec![BUCKET.into()], ..DoubleOptions::default() }).unwrap()
}

/// How a client of `double` is configured: no attempt but the first.
pub(crate) fn config(double: &Double) -> Builder {
    let credentials = Credentials::new(double.access_key(), double.secret_key(), None, None, "test");
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(double.region().to_owned()))
        .endpoint_url(double.endpoint())
        .credentials_provider(credentials)
        .force_path_style(true)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(30)).build())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
}

pub(crate) fn client(double: &Double) -> Client {
    Client::from_conf(config(double).build())
}

/// Status and code of a refusal; status 0 if there was no answer.
pub(crate) fn refused<T: std::fmt::Debug, E: ProvideErrorMetadata>(
    result: Result<T, SdkError<E, aws_sdk_s3::config::http::HttpResponse>>,
) -> (u16, String) {
    match result {
        Ok(output) => panic!("taken: {output:?}"),
        Err(error) => {
            let status = error.raw_response().map_or(0, |response| response.status().as_u16());
            (status, error.code().unwrap_or("").to_owned())
        }
    }
}

/// Puts a small object and returns its ETag.
pub(crate) async fn put(s3: &Client, key: &str, value: &str) -> String {
    let body = value.as_bytes().to_vec().into();
    let put = s3.put_object().bucket(BUCKET).key(key).body(body).send().await.unwrap();
    put.e_tag().unwrap().to_owned()
}

/// Gets a small object.
pub(crate) async fn get(s3: &Client, key: &str) -> String {
    let got = s3.get_object().bucket(BUCKET).key(key).send().await.unwrap();
    String::from_utf8(got.body.collect().await.unwrap().to_vec()).unwrap()
}
