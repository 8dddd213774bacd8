//! Uploads in parts that were begun. Each is completed, or aborted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder_store_core::layer::retry::Retries;
use larder_store_core::{Call, Error, ErrorKind, Native, Op, Result};
use tokio::sync::oneshot;

use super::put::Draft;
use super::stored::stored;
use super::wire::Wire;
use crate::object::facts::{Entries, Fields};

/// An upload that has a number at the service. Dropped before it is over, it is aborted.
pub(super) struct Begun {
    wire: Arc<Wire>,
    retries: Retries,
    op: Op,
    pub(super) name: String,
    pub(super) id: String,
    over: AtomicBool,
}

impl Begun {
    pub(super) async fn begin(
        wire: &Arc<Wire>,
        retries: &Retries,
        op: Op,
        call: &Call,
        name: String,
        draft: &Draft,
    ) -> Result<Begun> {
        let begun = retries.run(op, call, |_| async {
            let (tell, told) = oneshot::channel();
            let (own, retries, name) = (wire.clone(), retries.clone(), name.clone());
            let (entries, fields) = (draft.entries.clone(), draft.fields.clone());
            let counted = wire.inflight.enter();
            // The request goes on when nobody waits for it any more: what it begins must be known to be aborted.
            wire.env.spawn(async move {
                let begun = create(&own, op, &name, entries, fields).await;
                let begun =
                    begun.map(|id| Begun { wire: own, retries, op, name, id, over: AtomicBool::new(false) });
                drop(tell.send(begun));
                drop(counted);
            });
            let ended = || Error::new(ErrorKind::Cancelled, op, "the runtime that the store works on ended");
            told.await.unwrap_or_else(|_| Err(ended()))
        });
        begun.await
    }

    /// There is an object, and nothing to be aborted.
    pub(super) fn over(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if *self.over.get_mut() || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (wire, retries) = (self.wire.clone(), self.retries.clone());
        let (name, id, op) = (std::mem::take(&mut self.name), std::mem::take(&mut self.id), self.op);
        // From now on, so that a drain that begins before the task does waits for it.
        let counted = wire.inflight.enter();
        self.wire.env.spawn(async move {
            let call = Call::default();
            let aborted = retries.run(op, &call, |_| abort(&wire, op, &call, &name, &id));
            if let Err(error) = aborted.await {
                tracing::warn!(store = %wire.id, %error, "the parts of an upload that was given up are still there");
            }
            drop(counted);
        });
    }
}

/// Begins an upload; its number.
async fn create(wire: &Arc<Wire>, op: Op, name: &str, entries: Entries, fields: Fields) -> Result<String> {
    let call = Call::default();
    let live = wire.live(op, &call).await?;
    let mut fields = fields;
    let mut field = |native: Native| fields[native as usize].take();
    let request = live
        .sdk
        .create_multipart_upload()
        .bucket(wire.bucket())
        .key(name)
        .set_metadata(Some(entries))
        .set_content_type(field(Native::ContentType))
        .set_cache_control(field(Native::CacheControl))
        .set_content_encoding(field(Native::ContentEncoding))
        .set_content_disposition(field(Native::ContentDisposition))
        .set_content_language(field(Native::ContentLanguage));
    let request = stored!(request, &wire.config().stored).send();
    // An upload that nobody hears of changes no value.
    let begun = wire.read(op, &call, &live, request).await??;
    let none = || Error::new(ErrorKind::Unavailable, op, "the service began an upload and did not name it");
    Ok(begun.upload_id().ok_or_else(none)?.to_owned())
}

/// Gives up an upload and its parts. One that is gone already is no error.
pub(super) async fn abort(wire: &Wire, op: Op, call: &Call, name: &str, id: &str) -> Result<()> {
    let live = wire.live(op, call).await?;
    let request = live.sdk.abort_multipart_upload().bucket(wire.bucket()).key(name).upload_id(id).send();
    match wire.write(op, call, &live, 0, request).await? {
        Err(failure) if !failure.is(404) => Err(failure.into()),
        _ => Ok(()),
    }
}
