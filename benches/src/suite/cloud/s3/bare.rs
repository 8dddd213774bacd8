//! The bare SDK, used as its manual says is fastest: one client that all share, whose connections stay open.

use std::hint::black_box;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use bytes::Bytes;
use larder_cloud_tests::s3::DoubleOptions;

use super::BUCKET;
use crate::error::{Error, Result};
use crate::suite::cloud::side::Side;
use crate::workload::Workload;

/// The client, and the names of the objects.
#[derive(Debug, Clone)]
pub(super) struct Bare {
    client: Client,
    names: Arc<[String]>,
}

impl Bare {
    /// All settings as the store's own client has them: path style, one attempt, checksums both ways, credentials that
    /// are known, no watch over the pace of bodies.
    pub(super) fn new(endpoint: &str, options: &DoubleOptions, prefix: &str, workload: &Workload) -> Bare {
        let DoubleOptions { access_key, secret_key, region, .. } = options;
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region.clone()))
            .endpoint_url(endpoint)
            .credentials_provider(Credentials::new(access_key, secret_key, None, None, "bench"))
            .force_path_style(true)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let names = (0..workload.len()).map(|i| format!("{prefix}/{}", workload.key(i))).collect();
        Bare { client: Client::from_conf(config), names }
    }
}

impl Side for Bare {
    type Value = Bytes;

    async fn get(&self, i: usize) -> Result<Bytes> {
        let got = self.client.get_object().bucket(BUCKET).key(&self.names[i]);
        let got = got.checksum_mode(ChecksumMode::Enabled).send().await.map_err(said)?;
        Ok(got.body.collect().await?.into_bytes())
    }

    async fn put(&self, i: usize, value: Bytes) -> Result<()> {
        let put = self.client.put_object().bucket(BUCKET).key(&self.names[i]).body(ByteStream::from(value));
        black_box(&put.send().await.map_err(said)?);
        Ok(())
    }
}

/// An error of the SDK with its causes, which it does not tell by itself.
fn said(error: impl std::error::Error) -> Error {
    DisplayErrorContext(error).to_string().into()
}
