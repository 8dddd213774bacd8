//! Uploads that nobody will finish.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use larder_store_core::{Op, Result, SweepOptions, Swept};

use super::begun::abort;
use super::object::listed_time;
use super::wire::Wire;

/// When an answer was given, by the clock of who gave it (RFC 9110, 6.6.1). By one that goes ahead of it, uploads that go on
/// would be old.
#[derive(Debug, Clone, Default)]
struct Answered(Arc<Mutex<Option<SystemTime>>>);

impl Answered {
    fn at(&self) -> Option<SystemTime> {
        *self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

#[dyn_dispatch_hint]
impl Intercept for Answered {
    fn name(&self) -> &'static str {
        "larder::Answered"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok()?.try_into().ok());
        *self.0.lock().unwrap_or_else(|e| e.into_inner()) = date;
        Ok(())
    }
}

/// Aborts uploads under the store's prefix that were begun long ago.
pub(super) async fn sweep(wire: &Arc<Wire>, options: &SweepOptions) -> Result<Swept> {
    let (op, call) = (Op::Sweep, &options.call);
    let _busy = wire.begin(op, call)?;
    let mut swept = Swept::default();
    let (mut key_marker, mut id_marker) = (None, None);
    let answered = Answered::default();
    loop {
        let live = wire.live(op, call).await?;
        let request = live
            .sdk
            .list_multipart_uploads()
            .bucket(wire.bucket())
            .prefix(wire.names.root())
            .set_key_marker(key_marker.take())
            .set_upload_id_marker(id_marker.take())
            .customize()
            .interceptor(answered.clone())
            .send();
        let page = wire.read(op, call, &live, request).await??;
        let now = answered.at().unwrap_or_else(|| wire.env.wall());
        for upload in page.uploads() {
            let (Some(name), Some(id)) = (upload.key(), upload.upload_id()) else { continue };
            let age = listed_time(upload.initiated()).and_then(|at| now.duration_since(at).ok());
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
