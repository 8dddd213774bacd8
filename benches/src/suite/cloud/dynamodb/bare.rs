//! The bare SDK, used as its manual says is fastest: one client that all share, whose connections stay open.

use std::hint::black_box;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure as OnRefusal};
use bytes::Bytes;

use super::TABLE;
use crate::error::{Error, Result};
use crate::suite::cloud::case::Pair;
use crate::suite::cloud::side::Side;
use crate::workload::Workload;

/// About as long as the head of a record of ours.
const HEAD: usize = 100;

/// The client, and the sort keys of the items.
#[derive(Debug, Clone)]
pub(super) struct Bare {
    client: Client,
    pk: &'static str,
    names: Arc<[String]>,
    /// A head and an id beside the value, and a condition, as ours has it.
    alike: bool,
}

impl Bare {
    /// All settings as the store's own client has them: one attempt, credentials that are known, no watch over the pace
    /// of bodies.
    pub(super) fn new(port: u16, pair: Pair, workload: &Workload) -> Bare {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://127.0.0.1:{port}"))
            .credentials_provider(Credentials::new("test", "test", None, None, "bench"))
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let names = (0..workload.len()).map(|i| workload.key(i).to_string()).collect();
        let alike = !pair.bare;
        Bare { client: Client::from_conf(config), pk: if alike { "alike" } else { "lean" }, names, alike }
    }

    fn pk(&self) -> AttributeValue {
        AttributeValue::S(self.pk.to_owned())
    }

    fn sk(&self, i: usize) -> AttributeValue {
        binary(self.names[i].as_bytes())
    }
}

fn binary(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

impl Side for Bare {
    type Value = Vec<u8>;

    async fn get(&self, i: usize) -> Result<Vec<u8>> {
        let mut get = self.client.get_item().table_name(TABLE).consistent_read(true);
        get = get.key("pk", self.pk()).key("sk", self.sk(i));
        if self.alike {
            get = get.projection_expression("h, b");
        }
        let mut item = get.send().await.map_err(said)?.item.ok_or("there is no item")?;
        match item.remove("b") {
            Some(AttributeValue::B(value)) => Ok(value.into_inner()),
            _ => Err("the item has no value".into()),
        }
    }

    async fn put(&self, i: usize, value: Bytes) -> Result<()> {
        let mut put = self.client.put_item().table_name(TABLE);
        // The bytes are moved, not copied.
        put = put.item("pk", self.pk()).item("sk", self.sk(i)).item("b", binary(value));
        if self.alike {
            put = put.item("h", binary([7; HEAD])).item("w", binary([7; 16]));
            put = put.condition_expression("attribute_not_exists(p)");
            put = put.return_values_on_condition_check_failure(OnRefusal::AllOld);
        }
        black_box(&put.send().await.map_err(said)?);
        Ok(())
    }
}

/// An error of the SDK with its causes, which it does not tell by itself.
fn said(error: impl std::error::Error) -> Error {
    DisplayErrorContext(error).to_string().into()
}
