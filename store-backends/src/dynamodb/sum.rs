//! The checksum of an answer.
//!
//! Each answer brings the CRC-32 of its bytes (Amazon DynamoDB Developer Guide, "DynamoDB low-level API",
//! `X-Amz-Crc32`), which the SDK does not look at. Without it a bit that changed on a way without TLS may make a value
//! that is there an absent one.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use crc_fast::{CrcAlgorithm, checksum};

/// Refuses answers whose bytes are not those that were sent.
#[derive(Debug)]
pub(super) struct Sum;

/// Whether these bytes may be those of a sum that was said; what is no number says nothing.
fn fits(said: &str, bytes: &[u8]) -> bool {
    said.parse::<u32>().map_or(true, |said| checksum(CrcAlgorithm::Crc32IsoHdlc, bytes) as u32 == said)
}

#[dyn_dispatch_hint]
impl Intercept for Sum {
    fn name(&self) -> &'static str {
        "larder::Sum"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer = context.response();
        let (said, bytes) = (answer.headers().get("x-amz-crc32"), answer.body().bytes());
        match said.zip(bytes).is_none_or(|(said, bytes)| fits(said, bytes)) {
            true => Ok(()),
            false => Err("what came is not what was sent: its checksum is another one".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_the_service() {
        // As the service sends it with an answer that says nothing.
        assert!(fits("2745614147", b"{}"));
        assert!(!fits("2745614147", b"{ "));
        assert!(fits("none", b"{}"));
    }
}
