//! What a shared front's own data says about the fence that its entries belong to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder_store_core::{
    Env, Error, ErrorKind, GetOptions, Got, Key, ListOptions, Op, PutOptions, Result, Store, system,
};

use crate::fence::FrontSays;

const NAME: &str = "fence";

/// A front beside which a fence is.
#[derive(Debug, Clone)]
pub(crate) struct Marked {
    pub(crate) store: Arc<dyn Store>,
    /// How long it may take: a front that hangs must not hold up whoever opens or writes a stack.
    pub(crate) timeout: Duration,
    pub(crate) env: Env,
}

fn key() -> Result<Key> {
    system::key(NAME)
}

impl Marked {
    /// Reads what it says. A front that is damaged where it says so holds entries, and does not tell of which table: those
    /// of another one are not served, and the front repairs itself or is passed by when it is read.
    pub(super) async fn read(&self) -> Result<FrontSays> {
        match self.within(Op::Get, self.said()).await {
            Err(error) if error.is(ErrorKind::Corrupt) => {
                let front = self.store.id();
                tracing::warn!(%front, %error, "a front cannot say which fence it belongs to");
                Ok(FrontSays::Nothing)
            }
            said => said,
        }
    }

    async fn said(&self) -> Result<FrontSays> {
        if let Got::Found { body, .. } = self.store.get_opts(&key()?, &GetOptions::new()).await? {
            return Ok(match <[u8; 8]>::try_from(&body[..]) {
                Ok(bytes) => FrontSays::Incarnation(u64::from_le_bytes(bytes)),
                Err(_) => FrontSays::Nothing,
            });
        }
        let first = self.store.list_opts(ListOptions::new().with_limit(1)).try_next().await?;
        Ok(if first.is_some() { FrontSays::Nothing } else { FrontSays::Empty })
    }

    /// Writes it. A front that cannot take it says something else at the next start, which only makes that one more
    /// careful.
    pub(super) async fn write(&self, incarnation: u64) {
        let written = self.within(Op::Put, async {
            let value = Bytes::copy_from_slice(&incarnation.to_le_bytes());
            self.store.put_opts(&key()?, value, &PutOptions::new()).await
        });
        if let Err(error) = written.await {
            let front = self.store.id();
            tracing::debug!(%front, %error, "a front cannot note which fence it belongs to");
        }
    }

    async fn within<T>(&self, op: Op, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.env.sleep(self.timeout) => {
                let why = format!("the front gave no answer within {:?}", self.timeout);
                Err(Error::new(ErrorKind::Unavailable, op, why).at(self.store.id()))
            }
        }
    }
}
