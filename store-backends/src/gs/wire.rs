//! One request, one attempt: what everything here is made of.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use google_cloud_storage::client::{Storage, StorageControl};
use larder_store_core::{Call, Env, Error, ErrorKind, Guarantees, Op, Result, StoreId};
use tokio::sync::OnceCell;

use super::client::{Client, Live};
use super::config::GsConfig;
use super::error::{Failure, Said, failure};
use crate::object::name::Names;
use crate::remote::Remote;

/// What the crate says of a request.
type Sent<T> = google_cloud_storage::Result<T>;

/// A store of single attempts, and what all handles and streams of it share.
pub(super) struct Wire {
    remote: Remote,
    pub(super) names: Names,
    client: Client,
    /// The bucket as the crate wants it named.
    pub(super) bucket: String,
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
    pub(super) fn new(config: GsConfig, names: Names, id: StoreId, guarantees: Guarantees, env: Env) -> Wire {
        Wire {
            remote: Remote::new(id, guarantees, env, config.concurrency, config.attempt_timeout),
            names,
            bucket: config.bucket_path(),
            client: Client::new(config),
            bucket_seen: AtomicBool::new(false),
        }
    }

    pub(super) fn config(&self) -> &GsConfig {
        self.client.config()
    }

    /// Whether the bucket is there, as far as listing it tells: to ask for the bucket itself is another right.
    pub(super) async fn has_bucket(&self, op: Op, call: &Call) -> Result<bool> {
        let (live, client) = self.control(op, call).await?;
        let request = client
            .list_objects()
            .set_parent(self.bucket.as_str())
            .set_prefix(self.names.system())
            .set_page_size(1)
            .send();
        match self.read(op, call, &live, request).await? {
            Ok(_) => Ok(true),
            Err(failure) if matches!(failure.said, Said::NoBucket | Said::NotFound) => Ok(false),
            Err(failure) if failure.said == Said::NoRight => {
                let why = "storage.objects.list on the bucket is missing, without which an absent object is not told \
                           from an absent bucket";
                Err(failure.error.hint(why))
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Whether an answer says that an object is absent. Where it does not tell an absent object from an absent bucket,
    /// the bucket is asked for, once.
    pub(super) async fn is_absent(&self, op: Op, call: &Call, failure: &Failure) -> Result<bool> {
        match failure.said {
            Said::NoObject => Ok(true),
            Said::NotFound if self.bucket_seen.load(Ordering::Relaxed) => Ok(true),
            Said::NotFound if Box::pin(self.has_bucket(op, call)).await? => Ok(true),
            Said::NotFound => {
                let why = format!("there is no bucket {:?}", self.config().bucket);
                Err(Error::new(ErrorKind::Invalid, op, why)
                    .hint("make the bucket first, or mend its name: Larder makes none"))
            }
            _ => Ok(false),
        }
    }

    /// The client for values.
    pub(super) async fn storage(&self, op: Op, call: &Call) -> Result<(Arc<Live>, Storage)> {
        let live = self.client.live(op)?;
        let client = self.built(op, call, &live.storage, || self.client.storage(op, &live)).await?;
        Ok((live, client))
    }

    /// The client for all that is over gRPC.
    pub(super) async fn control(&self, op: Op, call: &Call) -> Result<(Arc<Live>, StorageControl)> {
        let live = self.client.live(op)?;
        let client = self.built(op, call, &live.control, || self.client.control(op, &live)).await?;
        Ok((live, client))
    }

    /// The client for uploads in pieces.
    pub(super) async fn http(&self, op: Op, call: &Call) -> Result<(Arc<Live>, reqwest::Client)> {
        let live = self.client.live(op)?;
        let client = self.built(op, call, &live.http, || self.client.http(op)).await?;
        Ok((live, client))
    }

    /// A client, built within the time of the call if it is the first that needs it.
    async fn built<T, F>(
        &self,
        op: Op,
        call: &Call,
        client: &OnceCell<T>,
        build: impl FnOnce() -> F + Send,
    ) -> Result<T>
    where
        T: Clone + Send + Sync,
        F: Future<Output = Result<T>> + Send,
    {
        let built = match client.get() {
            Some(built) => built,
            // Boxed, as is all that is seldom: the future of every call would be as large as the largest in it.
            None => Box::pin(call.guard(&self.env, op, client.get_or_try_init(build))).await?,
        };
        Ok(built.clone())
    }

    /// Sends a request that changes nothing.
    pub(super) async fn read<T: Send>(
        &self,
        op: Op,
        call: &Call,
        live: &Arc<Live>,
        request: impl Future<Output = Sent<T>> + Send,
    ) -> Result<Result<T, Failure>> {
        let answer = self.remote.ask(op, call, Box::pin(request)).await?;
        Ok(self.noted(live, self.answered(op, false, 0, answer)))
    }

    /// Sends a request that writes, with a body of so many bytes.
    pub(super) async fn write<T: Send>(
        &self,
        op: Op,
        call: &Call,
        live: &Arc<Live>,
        bytes: u64,
        request: impl Future<Output = Sent<T>> + Send,
    ) -> Result<Result<T, Failure>> {
        let answer = self.remote.tell(op, call, bytes, Box::pin(request)).await?;
        Ok(self.noted(live, self.answered(op, true, bytes, answer)))
    }

    fn answered<T>(&self, op: Op, writes: bool, bytes: u64, answer: Option<Sent<T>>) -> Result<T, Failure> {
        match answer {
            Some(answer) => answer.map_err(|e| failure(op, writes, e)),
            None => Err(Failure::silent(op, writes, self.limit(bytes))),
        }
    }

    /// Learns from an answer, of the crate's or not.
    pub(super) fn noted<T>(&self, live: &Arc<Live>, answer: Result<T, Failure>) -> Result<T, Failure> {
        match &answer {
            Ok(_) => self.bucket_seen.store(true, Ordering::Relaxed),
            Err(failure) if failure.is(Said::NoObject) => self.bucket_seen.store(true, Ordering::Relaxed),
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
