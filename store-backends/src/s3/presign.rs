//! URLs that let somebody else get or put one value, without credentials.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use larder_store_core::{Call, Error, ErrorKind, Key, Op, Result};

use super::config::Layout;
use super::store::S3Store;
use super::wire::Wire;
use crate::object::presigned::{self, Presigned};

impl S3Store {
    /// A URL with which anybody gets the value of `key` for a time of up to seven days. It asks the service nothing, and an
    /// absent key has one too.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] with `layout=record`, whose objects are not the values, and without credentials that
    /// sign; [`ErrorKind::Invalid`] for a time of less than a second or above seven days; those of finding credentials.
    pub async fn presigned_get(&self, key: &Key, lasts: Duration, call: &Call) -> Result<Presigned> {
        let op = Op::Get;
        self.presigned(op, key, lasts, call, async |wire, name, config| {
            let live = wire.live(op, call).await?;
            live.sdk
                .get_object()
                .bucket(wire.bucket())
                .key(name)
                .presigned(config)
                .await
                .map_err(|e| unsigned(op, e))
        })
        .await
    }

    /// A URL with which anybody puts a value under `key` for a time of up to seven days. What is put so is like any object of
    /// another tool: it has a version, and neither a write id nor an expiry.
    ///
    /// # Errors
    /// Those of [`S3Store::presigned_get`].
    pub async fn presigned_put(&self, key: &Key, lasts: Duration, call: &Call) -> Result<Presigned> {
        let op = Op::Put;
        self.presigned(op, key, lasts, call, async |wire, name, config| {
            let live = wire.live(op, call).await?;
            live.sdk
                .put_object()
                .bucket(wire.bucket())
                .key(name)
                .presigned(config)
                .await
                .map_err(|e| unsigned(op, e))
        })
        .await
    }

    async fn presigned(
        &self,
        op: Op,
        key: &Key,
        lasts: Duration,
        call: &Call,
        sign: impl AsyncFnOnce(&Arc<Wire>, &str, PresigningConfig) -> Result<PresignedRequest>,
    ) -> Result<Presigned> {
        let wire = self.wire();
        let named = wire.named(op, key);
        let signed = async {
            let _busy = wire.begin(op, call)?;
            wire.guarantees.check_key(op, key)?;
            if wire.layout_of(key) == Layout::Record {
                return Err(Error::unsupported(op, "presigned URLs of records")
                    .hint("with layout=plain the object is the value"));
            }
            presigned::check(op, lasts)?;
            if wire.config().is_anonymous() {
                return Err(Error::unsupported(op, "presigned URLs without credentials"));
            }
            let begins = wire.env.wall();
            let config = PresigningConfig::builder().start_time(begins).expires_in(lasts).build();
            let config = config.map_err(|e| Error::new(ErrorKind::Invalid, op, e.to_string()))?;
            let signed = sign(wire, &wire.names.of(op, key)?, config).await?;
            let headers = signed.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
            Ok(Presigned::new(signed.method(), signed.uri(), headers.collect(), begins + lasts))
        };
        signed.await.map_err(&named)
    }
}

fn unsigned<E>(op: Op, error: aws_sdk_s3::error::SdkError<E, aws_sdk_s3::config::http::HttpResponse>) -> Error
where
    E: aws_sdk_s3::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    super::error::failure(op, false, error).into()
}
