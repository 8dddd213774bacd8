//! One request, one attempt: what everything here is made of.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicU16;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use futures_util::future::BoxFuture;
use larder_store_core::{Call, Env, Guarantees, Op, Result, StoreId};
use tokio::sync::Mutex;

use super::client::{Client, Live};
use super::config::DynamoConfig;
use super::error::{Failure, Says, failure};
use super::name::Names;
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
    /// Write shards of the namespace; 0 until its marker was seen.
    pub(super) shards: AtomicU16,
    /// Whoever holds it looks for the marker.
    pub(super) looking: Mutex<()>,
}

impl Deref for Wire {
    type Target = Remote;

    fn deref(&self) -> &Remote {
        &self.remote
    }
}

impl Wire {
    pub(super) fn new(
        config: DynamoConfig,
        names: Names,
        id: StoreId,
        guarantees: Guarantees,
        env: Env,
    ) -> Wire {
        Wire {
            remote: Remote::new(id, guarantees, env, config.concurrency, config.attempt_timeout),
            names,
            client: Client::new(config),
            shards: AtomicU16::new(0),
            looking: Mutex::new(()),
        }
    }

    pub(super) fn config(&self) -> &DynamoConfig {
        self.client.config()
    }

    pub(super) fn table(&self) -> &str {
        &self.config().table
    }

    /// The client, within the time of the call.
    pub(super) async fn live(&self, op: Op, call: &Call) -> Result<Arc<Live>> {
        match self.client.ready() {
            Some(live) => Ok(live),
            // Boxed, as is all that is seldom: the future of every call would be as large as the largest in it.
            None => Box::pin(call.guard(&self.env, op, self.client.get(op))).await,
        }
    }

    /// Sends a request that changes nothing, or nothing that anybody sees. `action` is the right that it takes.
    pub(super) fn read<'a, T, E: Says>(
        &'a self,
        op: Op,
        call: &'a Call,
        live: &'a Arc<Live>,
        action: &'static str,
        request: impl Future<Output = Sent<T, E>> + Send + 'a,
    ) -> impl Future<Output = Result<Result<T, Failure>>> + Send + 'a
    where
        T: Send + 'a,
    {
        self.read_boxed(op, call, live, action, Box::pin(request))
    }

    async fn read_boxed<T, E: Says>(
        &self,
        op: Op,
        call: &Call,
        live: &Arc<Live>,
        action: &'static str,
        request: Request<'_, T, E>,
    ) -> Result<Result<T, Failure>> {
        let answer = self.remote.ask(op, call, request).await?;
        Ok(self.noted(live, self.answered(op, false, 0, action, answer)))
    }

    /// Sends a request that writes, with a body of so many bytes.
    pub(super) fn write<'a, T, E: Says>(
        &'a self,
        op: Op,
        call: &'a Call,
        live: &'a Arc<Live>,
        action: &'static str,
        bytes: u64,
        request: impl Future<Output = Sent<T, E>> + Send + 'a,
    ) -> impl Future<Output = Result<Result<T, Failure>>> + Send + 'a
    where
        T: Send + 'a,
    {
        self.write_boxed(op, call, live, action, bytes, Box::pin(request))
    }

    async fn write_boxed<T, E: Says>(
        &self,
        op: Op,
        call: &Call,
        live: &Arc<Live>,
        action: &'static str,
        bytes: u64,
        request: Request<'_, T, E>,
    ) -> Result<Result<T, Failure>> {
        let answer = self.remote.tell(op, call, bytes, request).await?;
        Ok(self.noted(live, self.answered(op, true, bytes, action, answer)))
    }

    fn answered<T, E: Says>(
        &self,
        op: Op,
        writes: bool,
        bytes: u64,
        action: &'static str,
        answer: Option<Sent<T, E>>,
    ) -> Result<T, Failure> {
        match answer {
            Some(answer) => answer.map_err(|e| failure(op, writes, action, e)),
            None => Err(Failure::silent(op, writes, self.limit(bytes))),
        }
    }

    fn noted<T>(&self, live: &Arc<Live>, answer: Result<T, Failure>) -> Result<T, Failure> {
        if answer.as_ref().is_err_and(|failure| failure.broken) {
            self.client.broke(live);
        }
        answer
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({})", self.id)
    }
}
