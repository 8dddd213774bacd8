//! Why uploads in pieces are not the crate's own: with its retries on it goes on behind a piece whose connection broke.
//! When this fails, the crate was mended, and `gs/session.rs` of the store may go.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use google_cloud_gax::backoff_policy::BackoffPolicy;
use google_cloud_gax::exponential_backoff::ExponentialBackoffBuilder;
use google_cloud_gax::retry_policy::RetryPolicyExt as _;
use google_cloud_storage::retry_policy::RetryableErrors;
use larder_cloud_tests::gs::{Fault, FaultPlan, When};

use crate::service::{BUCKET, Service, double};

#[tokio::test(flavor = "multi_thread")]
async fn the_crate_loses_a_piece() {
    let double = double();
    let service = Service::of(&double).await;
    let value: Bytes = (0..4_000_000_u32).map(|n| (n / 7) as u8).collect::<Vec<_>>().into();
    let backoff = ExponentialBackoffBuilder::new()
        .with_initial_delay(Duration::from_millis(1))
        .with_maximum_delay(Duration::from_millis(2));
    let backoff: Arc<dyn BackoffPolicy> = Arc::new(backoff.build().unwrap());
    let mut wrong = 0;
    for seed in 0..12 {
        double.faults().set(FaultPlan::new(seed).only(Fault::Reset(When::Before), 0.2, &["UploadPiece"]));
        // Of unknown length, as a stream is.
        let stream = Unknown(value.chunks(100_000).map(Bytes::copy_from_slice).collect());
        let write = service.storage.write_object(service.bucket.as_str(), "k", stream);
        let write = write
            .with_resumable_upload_buffer_size(256_usize << 10)
            .with_backoff_policy(backoff.clone())
            .with_retry_policy(RetryableErrors.with_attempt_limit(20));
        let done = write.send_buffered().await;
        double.faults().clear();
        let stored = double.object(BUCKET, "k").unwrap();
        // It finds out, and the object is there all the same.
        wrong += u32::from(done.is_err() && stored.is_some_and(|stored| stored != value));
    }
    assert!(wrong > 0, "the crate is mended");
}

struct Unknown(std::collections::VecDeque<Bytes>);

impl google_cloud_storage::streaming_source::StreamingSource for Unknown {
    type Error = std::convert::Infallible;

    async fn next(&mut self) -> Option<Result<Bytes, Self::Error>> {
        self.0.pop_front().map(Ok)
    }
}
