//! Uploads that nobody will finish.

use std::sync::Arc;

use larder_store_core::{Op, Result, SweepOptions, Swept};

use super::object::listed_time;
use super::upload::abort;
use super::wire::Wire;

/// Aborts uploads under the store's prefix that were begun long ago.
pub(super) async fn sweep(wire: &Arc<Wire>, options: &SweepOptions) -> Result<Swept> {
    let (op, call) = (Op::Sweep, &options.call);
    let _busy = wire.begin(op, call)?;
    let mut swept = Swept::default();
    let (mut key_marker, mut id_marker) = (None, None);
    loop {
        let live = wire.live(op, call).await?;
        let request = live
            .sdk
            .list_multipart_uploads()
            .bucket(wire.bucket())
            .prefix(wire.names.root())
            .set_key_marker(key_marker.take())
            .set_upload_id_marker(id_marker.take())
            .send();
        let page = wire.read(op, call, &live, request).await??;
        for upload in page.uploads() {
            let (Some(name), Some(id)) = (upload.key(), upload.upload_id()) else { continue };
            let age = listed_time(upload.initiated()).and_then(|at| wire.env.wall().duration_since(at).ok());
            if age.is_none_or(|age| age < options.older_than) {
                continue;
            }
            if !options.dry_run {
                abort(wire, op, call, name, id).await?;
            }
            // How much the parts take is known only by asking for each upload.
            swept.count(|| format!("the upload {id} of {name}"), 0, !options.dry_run);
        }
        if page.is_truncated() != Some(true) {
            return Ok(swept);
        }
        key_marker = page.next_key_marker().map(str::to_owned);
        id_marker = page.next_upload_id_marker().map(str::to_owned);
        if key_marker.is_none() {
            return Ok(swept);
        }
    }
}
