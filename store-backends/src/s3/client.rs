//! The SDK's client for S3.

use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient};
use aws_types::SdkConfig;

use super::config::S3Config;
use crate::aws::access::Signer;
use crate::aws::{self, Access, Service};

/// A client, and which one it is.
pub(super) type Live = aws::Live<aws_sdk_s3::Client>;
/// The client of a store.
pub(super) type Client = aws::Client<S3Config>;

impl Service for S3Config {
    type Sdk = aws_sdk_s3::Client;

    const WHOSE_REGION: &'static str = "bucket";

    fn access(&self) -> &Access {
        &self.access
    }

    fn build(&self, found: &SdkConfig, http: SharedHttpClient) -> aws_sdk_s3::Client {
        let s3 = aws_sdk_s3::config::Builder::from(found)
            .force_path_style(self.path_style.unwrap_or(self.access.endpoint.is_some()));
        let mut s3 = aws::client::common!(s3, &self.access, http);
        if !self.checksums {
            s3 = s3
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        }
        if self.access.signer == Signer::Nobody {
            s3 = s3.allow_no_auth();
        }
        aws_sdk_s3::Client::from_conf(s3.build())
    }
}
