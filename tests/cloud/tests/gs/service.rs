//! The official crate's clients, of the double and of the real service.

use google_cloud_auth::credentials::anonymous;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_storage::client::{Storage, StorageControl};
use google_cloud_storage::model::Object;
use google_cloud_storage::read_resume_policy::NeverResume;
use larder_cloud_tests::gs::{Double, DoubleOptions};

pub(crate) const BUCKET: &str = "bucket";

pub(crate) fn double() -> Double {
    let double = Double::start(DoubleOptions::default()).expect("the double starts");
    double.create_bucket(BUCKET);
    double
}

/// A service, and where in it a test may write.
pub(crate) struct Service {
    pub(crate) storage: Storage,
    pub(crate) control: StorageControl,
    /// `projects/_/buckets/…`
    pub(crate) bucket: String,
    pub(crate) prefix: String,
}

impl Service {
    pub(crate) async fn of(double: &Double) -> Self {
        provider();
        let nobody = || anonymous::Builder::new().build();
        let storage = Storage::builder()
            .with_endpoint(double.endpoint())
            .with_credentials(nobody())
            .with_retry_policy(NeverRetry)
            .with_read_resume_policy(NeverResume);
        let control = StorageControl::builder()
            .with_endpoint(double.grpc_endpoint())
            .with_credentials(nobody())
            .with_retry_policy(NeverRetry);
        Self {
            storage: storage.build().await.unwrap(),
            control: control.build().await.unwrap(),
            bucket: format!("projects/_/buckets/{BUCKET}"),
            prefix: "facts/".into(),
        }
    }

    pub(crate) async fn real(bucket: &str, prefix: String) -> Self {
        provider();
        let storage = Storage::builder().with_retry_policy(NeverRetry).build().await.unwrap();
        let control = StorageControl::builder().with_retry_policy(NeverRetry).build().await.unwrap();
        Self {
            storage,
            control,
            bucket: format!("projects/_/buckets/{bucket}"),
            prefix: format!("{prefix}/"),
        }
    }

    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Writes an object, under the condition that it has this generation; 0 for none.
    pub(crate) async fn write(
        &self,
        name: &str,
        value: &str,
        only: Option<i64>,
    ) -> google_cloud_storage::Result<Object> {
        let value = bytes::Bytes::copy_from_slice(value.as_bytes());
        let mut write = self.storage.write_object(self.bucket.as_str(), self.name(name), value);
        if let Some(only) = only {
            write = write.set_if_generation_match(only);
        }
        write.send_buffered().await
    }

    pub(crate) async fn read(&self, name: &str) -> google_cloud_storage::Result<Vec<u8>> {
        let mut read = self.storage.read_object(self.bucket.as_str(), self.name(name)).send().await?;
        let mut whole = Vec::new();
        while let Some(piece) = read.next().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole)
    }
}

/// The crate panics without one.
pub(crate) fn provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The status of HTTP that a request was refused with.
pub(crate) fn refused<T: std::fmt::Debug>(answer: google_cloud_storage::Result<T>) -> u16 {
    match answer {
        Ok(taken) => panic!("taken: {taken:?}"),
        Err(error) => error.http_status_code().unwrap_or_else(|| panic!("no status: {error:?}")),
    }
}

/// The code of gRPC that a request was refused with.
pub(crate) fn refused_by_code<T: std::fmt::Debug>(answer: google_cloud_storage::Result<T>) -> String {
    match answer {
        Ok(taken) => panic!("taken: {taken:?}"),
        Err(error) => error.status().unwrap_or_else(|| panic!("no code: {error:?}")).code.name().to_owned(),
    }
}
