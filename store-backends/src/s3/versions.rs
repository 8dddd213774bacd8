//! Older values, where the bucket keeps them.

use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_s3::types::EncodingType;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::record::Head;
use larder_store_core::{Call, Error, ErrorKind, Got, Items, Key, Op, Result};

use super::config::Layout;
use super::list::decoded;
use super::object::{Object, listed_time};
use super::store::S3Store;
use super::wire::Wire;

/// A value that stands or once stood under a key, or a mark that it was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectVersion {
    /// S3's name for it; `null` for what was written before the bucket kept versions.
    pub id: String,
    /// Whether it is what a get finds.
    pub latest: bool,
    /// Whether it says that the key was deleted, and holds no value.
    pub deleted: bool,
    /// Bytes of the object; `None` for a mark.
    pub size: Option<u64>,
    /// When the service stored it, in whole seconds.
    pub stored: Option<SystemTime>,
}

impl S3Store {
    /// What the bucket keeps of `key`, the latest first: one request for a thousand. Of a bucket that keeps no versions it is the
    /// value that stands. Deleting needs no version: a delete of the key leaves a mark, and the older ones.
    pub fn versions(&self, key: &Key, call: &Call) -> Items<ObjectVersion> {
        let (wire, key, call) = (self.wire().clone(), key.clone(), call.clone());
        let walk = Walk { wire, key, call, markers: Some((None, None)) };
        let pages = stream::unfold(walk, |mut walk| async move {
            let (key_marker, id_marker) = walk.markers.take()?;
            let page = walk.page(key_marker, id_marker).await;
            let page = page.map_err(walk.wire.named(Op::List, &walk.key));
            Some((page, walk))
        });
        pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten().boxed()
    }

    /// The value that `key` had as the version `id`, expired or not.
    ///
    /// # Errors
    /// Those of a get. A version that is not there is [`Got::Absent`], and so is a mark of a deletion.
    pub async fn get_version(&self, key: &Key, id: &str, call: &Call) -> Result<Got<Bytes>> {
        let (op, wire) = (Op::Get, self.wire());
        let got = async {
            let _busy = wire.begin(op, call)?;
            self.retries().run(op, call, |_| get(wire, op, key, id, call)).await
        };
        got.await.map_err(wire.named(op, key))
    }
}

async fn get(wire: &Arc<Wire>, op: Op, key: &Key, id: &str, call: &Call) -> Result<Got<Bytes>> {
    let name = wire.names.of(op, key)?;
    let live = wire.live(op, call).await?;
    let request = live.sdk.get_object().bucket(wire.bucket()).key(&name).version_id(id).send();
    let found = match wire.read(op, call, &live, request).await? {
        Ok(found) => found,
        // A mark is no object, and is not read.
        Err(failure) if failure.is_absent() || failure.is(405) => return Ok(Got::Absent),
        Err(failure) if failure.code.as_deref() == Some("NoSuchVersion") => return Ok(Got::Absent),
        Err(failure) => return Err(failure.into()),
    };
    let object = Object::of_get(op, &found)?;
    let body = wire.whole(op, call, &live, found.body, object.size).await?;
    match wire.layout_of(key) {
        Layout::Plain => Ok(Got::found(object.into_meta(key), body)),
        Layout::Record => {
            let (head, head_len) = Head::decode(&body, Some(key))?;
            let value = head.open(&body[head_len..])?;
            let value = body.slice_ref(value);
            Ok(Got::found(head.into_meta(object.size), value))
        }
    }
}

struct Walk {
    wire: Arc<Wire>,
    key: Key,
    call: Call,
    /// Where the next page begins; `None` behind the last one.
    markers: Option<(Option<String>, Option<String>)>,
}

impl Walk {
    async fn page(&mut self, key: Option<String>, id: Option<String>) -> Result<Vec<ObjectVersion>> {
        let (wire, op, call) = (&self.wire, Op::List, &self.call);
        let _busy = wire.begin(op, call)?;
        let name = wire.names.of(op, &self.key)?;
        let live = wire.live(op, call).await?;
        let request = live
            .sdk
            .list_object_versions()
            .bucket(wire.bucket())
            .prefix(&name)
            .encoding_type(EncodingType::Url)
            .set_key_marker(key)
            .set_version_id_marker(id)
            .send();
        let page = wire.read(op, call, &live, request).await??;
        let encoded = page.encoding_type() == Some(&EncodingType::Url);
        let is_it = |listed: Option<&str>| {
            listed.is_some_and(|listed| decoded(encoded, listed).is_ok_and(|listed| listed == name))
        };
        let mut found = Vec::new();
        for one in page.versions().iter().filter(|one| is_it(one.key())) {
            found.push(ObjectVersion {
                id: one.version_id().unwrap_or("null").to_owned(),
                latest: one.is_latest() == Some(true),
                deleted: false,
                size: one.size().and_then(|size| u64::try_from(size).ok()),
                stored: listed_time(one.last_modified()),
            });
        }
        for one in page.delete_markers().iter().filter(|one| is_it(one.key())) {
            found.push(ObjectVersion {
                id: one.version_id().unwrap_or("null").to_owned(),
                latest: one.is_latest() == Some(true),
                deleted: true,
                size: None,
                stored: listed_time(one.last_modified()),
            });
        }
        // Values and marks come apart, each in its order.
        found.sort_by_key(|one| (std::cmp::Reverse(one.stored), !one.latest));
        // Names that only begin like this one come behind all of its versions.
        let (key, id) = (page.next_key_marker(), page.next_version_id_marker());
        if page.is_truncated() == Some(true) && is_it(key) {
            if id.is_none() {
                let why = "the service's list of versions breaks off and does not say where it goes on";
                return Err(Error::new(ErrorKind::Unavailable, op, why));
            }
            self.markers = Some((Some(name.clone()), id.map(str::to_owned)));
        }
        Ok(found)
    }
}
