//! One request, one attempt: what everything here is made of.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use futures_util::future::BoxFuture;
use larder_store_core::{Call, Env, Error, ErrorKind, Guarantees, Key, Op, Result, StoreId};

use super::client::{Client, Live};
use super::config::{Layout, S3Config};
use super::error::{Failure, failure};
use crate::object::name::Names;
use crate::remote::Remote;

/// What the SDK says of a request.
type Sent<T, E> = Result<T, SdkError<E, HttpResponse>>;

/// A request of the SDK that is not sent yet. Boxed before anything is put around it: it has many kilobytes, and each
/// future that takes it in would copy them.
type Request<'a, T, E> = BoxFuture<'a, Sent<T, E>>;

/// A store of single attempts, and what all handles and streams of it share.
pub(super) struct Wire {
    remote: Remote,
    pub(super) names: Names,
    client: Client,
    /// The bucket has answered for an object before.
    bucket_seen: AtomicBool,
}

impl Deref for Wire {
    type Target = Remote;

    fn deref(&self) -> &Remote {
        &self.remote
    }
}

impl Wire {
    pub(super) fn new(config: S3Config, names: Names, id: StoreId, guarantees: Guarantees, env: Env) -> Wire {
        Wire {
            remote: Remote::new(id, guarantees, env, config.concurrency, config.attempt_timeout),
            names,
            client: Client::new(config),
            bucket_seen: AtomicBool::new(false),
        }
    }

    pub(super) fn config(&self) -> &S3Config {
        self.client.config()
    }

    pub(super) fn bucket(&self) -> &str {
        &self.config().bucket
    }

    /// How this key's value is kept. What Larder itself keeps has versions per write everywhere.
    pub(super) fn layout_of(&self, key: &Key) -> Layout {
        if key.is_system() { Layout::Record } else { self.config().layout }
    }

    /// Refuses a bucket that is not there.
    pub(super) async fn bucket_is_there(&self, op: Op, call: &Call) -> Result<()> {
        if self.bucket_seen.load(Ordering::Relaxed) || self.has_bucket(op, call).await? {
            return Ok(());
        }
        let why = format!("there is no bucket {:?}", self.bucket());
        Err(Error::new(ErrorKind::Invalid, op, why)
            .hint("make the bucket first, or mend its name: Larder makes none"))
    }

    /// Whether the bucket is there.
    pub(super) async fn has_bucket(&self, op: Op, call: &Call) -> Result<bool> {
        let live = self.live(op, call).await?;
        let request = live.sdk.head_bucket().bucket(self.bucket()).send();
        match self.read(op, call, &live, request).await? {
            Ok(_) => Ok(true),
            Err(failure) if failure.is(404) => Ok(false),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The client, within the time of the call.
    pub(super) async fn live(&self, op: Op, call: &Call) -> Result<Arc<Live>> {
        match self.client.ready() {
            Some(live) => Ok(live),
            // Boxed, as is all that is seldom: the future of every call would be as large as the largest in it.
            None => Box::pin(call.guard(&self.env, op, self.client.get(op))).await,
        }
    }

    /// Sends a request that changes nothing.
    pub(super) fn read<'a, T, E>(
        &'a self,
        op: Op,
        call: &'a Call,
        live: &'a Arc<Live>,
        request: impl Future<Output = Sent<T, E>> + Send + 'a,
    ) -> impl Future<Output = Result<Result<T, Failure>>> + Send + 'a
    where
        T: Send + 'a,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.read_boxed(op, call, live, Box::pin(request))
    }

    async fn read_boxed<T, E>(
        &self,
        op: Op,
        call: &Call,
        live: &Arc<Live>,
        request: Request<'_, T, E>,
    ) -> Result<Result<T, Failure>>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let answer = self.remote.ask(op, call, request).await?;
        Ok(self.noted(live, self.answered(op, false, 0, answer)))
    }

    /// Sends a request that writes, with a body of so many bytes.
    pub(super) fn write<'a, T, E>(
        &'a self,
        op: Op,
        call: &'a Call,
        live: &'a Arc<Live>,
        bytes: u64,
        request: impl Future<Output = Sent<T, E>> + Send + 'a,
    ) -> impl Future<Output = Result<Result<T, Failure>>> + Send + 'a
    where
        T: Send + 'a,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.write_boxed(op, call, live, bytes, Box::pin(request))
    }

    async fn write_boxed<T, E>(
        &self,
        op: Op,
        call: &Call,
        live: &Arc<Live>,
        bytes: u64,
        request: Request<'_, T, E>,
    ) -> Result<Result<T, Failure>>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let answer = self.remote.tell(op, call, bytes, request).await?;
        Ok(self.noted(live, self.answered(op, true, bytes, answer)))
    }

    fn answered<T, E>(
        &self,
        op: Op,
        writes: bool,
        bytes: u64,
        answer: Option<Sent<T, E>>,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match answer {
            Some(answer) => answer.map_err(|e| failure(op, writes, e)),
            None => Err(Failure::silent(op, writes, self.limit(bytes))),
        }
    }

    fn noted<T>(&self, live: &Arc<Live>, answer: Result<T, Failure>) -> Result<T, Failure> {
        match &answer {
            Ok(_) => self.bucket_seen.store(true, Ordering::Relaxed),
            Err(failure) if failure.has_code("NoSuchKey") => {
                self.bucket_seen.store(true, Ordering::Relaxed);
            }
            Err(failure) if failure.broken => self.client.broke(live),
            Err(_) => {}
        }
        answer
    }

    /// A connection broke while a body was read from it.
    pub(super) fn broke(&self, live: &Arc<Live>) {
        self.client.broke(live);
    }

    /// The next piece of a body, within the time of the call; nothing for too long is an error.
    pub(super) async fn piece<T>(
        &self,
        op: Op,
        call: &Call,
        piece: impl Future<Output = T> + Send,
    ) -> Result<T> {
        let limit = self.config().attempt_timeout;
        let piece = async {
            tokio::select! {
                biased;
                piece = piece => Ok(piece),
                () = self.env.sleep(limit) => {
                    let why = format!("nothing more of the value came within {limit:?}");
                    Err(Error::new(ErrorKind::Unavailable, op, why))
                }
            }
        };
        call.guard(&self.env, op, piece).await
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({})", self.id)
    }
}
