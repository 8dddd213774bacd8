//! What a bucket with object versioning keeps of a key.

use std::sync::Arc;
use std::time::SystemTime;

use larder_store_core::{Call, Key, Meta, Op, Result};

use super::object::{Object, time};
use super::wire::Wire;

/// One generation of a value: the live one, or one that was replaced or deleted.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Generation {
    /// Its number, which [`GsStore::get_generation`](super::GsStore::get_generation) takes.
    pub number: i64,
    /// What is known about it.
    pub meta: Meta,
    /// When it was replaced or deleted; `None` for the live one.
    pub replaced: Option<SystemTime>,
}

/// All generations of a key, the oldest first, expired or not.
pub(super) async fn generations(wire: &Arc<Wire>, op: Op, call: &Call, key: &Key) -> Result<Vec<Generation>> {
    let name = wire.names.of(op, key)?;
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let (live, client) = wire.control(op, call).await?;
        let request = client
            .list_objects()
            .set_parent(wire.bucket.as_str())
            .set_prefix(name.as_str())
            .set_versions(true)
            .set_page_token(token.as_str())
            .send();
        let page = wire.read(op, call, &live, request).await??;
        for object in &page.objects {
            // The name itself comes before all that begin with it.
            if object.name != name {
                return Ok(found);
            }
            let replaced = object.delete_time.as_ref().and_then(|at| time(at.seconds(), at.nanos()));
            let meta = Object::of(object)?.into_meta(key);
            found.push(Generation { number: object.generation, meta, replaced });
        }
        token = page.next_page_token;
        if token.is_empty() {
            return Ok(found);
        }
    }
}
