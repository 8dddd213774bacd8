//! What a shared front's own data says about the fence that its entries belong to.

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder_store_core::{ErrorKind, GetOptions, Got, Key, ListOptions, PutOptions, Result, Store, system};

use crate::fence::FrontSays;

const NAME: &str = "fence";

fn key() -> Result<Key> {
    system::key(NAME)
}

/// Reads it. A front that is damaged where it stands holds entries, and does not say of which table: those of another
/// one are not served, and the front repairs itself or is passed by when it is read.
pub(super) async fn read(front: &dyn Store) -> Result<FrontSays> {
    match said(front).await {
        Err(error) if error.is(ErrorKind::Corrupt) => {
            tracing::warn!(front = %front.id(), %error, "a front cannot say which fence it belongs to");
            Ok(FrontSays::Nothing)
        }
        said => said,
    }
}

async fn said(front: &dyn Store) -> Result<FrontSays> {
    if let Got::Found { body, .. } = front.get_opts(&key()?, &GetOptions::new()).await? {
        return Ok(match <[u8; 8]>::try_from(&body[..]) {
            Ok(bytes) => FrontSays::Incarnation(u64::from_le_bytes(bytes)),
            Err(_) => FrontSays::Nothing,
        });
    }
    let first = front.list_opts(ListOptions::new().with_limit(1)).try_next().await?;
    Ok(if first.is_some() { FrontSays::Nothing } else { FrontSays::Empty })
}

/// Writes it. A front that cannot take it says something else at the next start, which only makes that one more careful.
pub(super) async fn write(front: &dyn Store, incarnation: u64) {
    let written = match key() {
        Ok(key) => {
            let value = Bytes::copy_from_slice(&incarnation.to_le_bytes());
            front.put_opts(&key, value, &PutOptions::new()).await.map(drop)
        }
        Err(error) => Err(error),
    };
    if let Err(error) = written {
        tracing::debug!(front = %front.id(), %error, "a front cannot note which fence it belongs to");
    }
}
