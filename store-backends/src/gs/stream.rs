//! Reading values as streams.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use google_cloud_storage::read_object::ReadObjectResponse as Body;
use larder_store_core::{ByteStream, Call, Error, ErrorKind, GetOptions, Got, Key, Op, Result};

use super::client::Live;
use super::read::{Found, Sought, cut};
use super::wire::Wire;

/// Opens the value of `key` for streaming. One answer is one generation.
pub(super) async fn get_stream(
    wire: &Arc<Wire>,
    op: Op,
    key: &Key,
    options: &GetOptions,
) -> Result<Got<ByteStream>> {
    wire.guarantees.check_get(op, key, options)?;
    let name = wire.names.of(op, key)?;
    let Found { object, body, live } = match wire.find(op, key, &name, options, None).await? {
        Sought::Found(found) => found,
        Sought::Got(got) => return Ok(got),
    };
    let len =
        options.range.map_or(Ok(object.size), |range| range.resolve(object.size).map(|r| r.end - r.start))?;
    let pieces = Pieces { wire: wire.clone(), op, call: options.call.clone(), body, live, left: len };
    let (wire, named) = (wire.clone(), key.clone());
    let body = pieces.stream().map_err(move |error| wire.named(op, &named)(error)).boxed();
    Ok(Got::found(object.into_meta(key), body))
}

/// A body under way.
struct Pieces {
    wire: Arc<Wire>,
    op: Op,
    call: Call,
    body: Body,
    live: Arc<Live>,
    /// Bytes that are still to come.
    left: u64,
}

impl Pieces {
    fn stream(self) -> ByteStream {
        stream::unfold(Some(self), |pieces| async move {
            let mut pieces = pieces?;
            match pieces.next().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(pieces))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        let piece = match self.wire.piece(self.op, &self.call, self.body.next()).await? {
            Some(Ok(piece)) => piece,
            Some(Err(e)) => {
                self.wire.broke(&self.live);
                return Err(cut(self.op, e));
            }
            None if self.left == 0 => return Ok(None),
            None => {
                self.wire.broke(&self.live);
                let why = format!("the value broke off on its way, {} bytes before its end", self.left);
                return Err(Error::new(ErrorKind::Unavailable, self.op, why));
            }
        };
        let more = || Error::new(ErrorKind::Unavailable, self.op, "more bytes came than were promised");
        self.left = self.left.checked_sub(piece.len() as u64).ok_or_else(more)?;
        Ok(Some(piece))
    }
}
