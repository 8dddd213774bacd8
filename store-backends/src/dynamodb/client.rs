//! The SDK's client for DynamoDB.

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_types::SdkConfig;

use super::config::DynamoConfig;
use super::sum::Sum;
use crate::aws::{self, Access, Service};

/// A client, and which one it is.
pub(super) type Live = aws::Live<aws_sdk_dynamodb::Client>;
/// The client of a store.
pub(super) type Client = aws::Client<DynamoConfig>;

impl Service for DynamoConfig {
    type Sdk = aws_sdk_dynamodb::Client;

    const WHOSE_REGION: &'static str = "table";

    fn access(&self) -> &Access {
        &self.access
    }

    fn build(&self, found: &SdkConfig, http: SharedHttpClient) -> aws_sdk_dynamodb::Client {
        let dynamo = aws_sdk_dynamodb::config::Builder::from(found);
        let dynamo = aws::client::common!(dynamo, &self.access, http).interceptor(Sum);
        aws_sdk_dynamodb::Client::from_conf(dynamo.build())
    }
}
