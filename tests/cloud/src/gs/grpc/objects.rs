//! GetObject, DeleteObject and UpdateObject.

use std::sync::Arc;

use super::convert::{conditions, describe, read};
use super::{bucket_id, proto, without};
use crate::gs::object::Object;
use crate::gs::refusal::Refusal;
use crate::gs::server::Server;
use crate::gs::settings::Obeys;

fn absent(bucket: &str, name: &str) -> Refusal {
    Refusal::NoObject(format!("{bucket}/{name}"))
}

pub(super) fn get(server: &Server, q: proto::GetObjectRequest) -> Result<proto::Object, Refusal> {
    without(q.soft_deleted.unwrap_or(false) || !q.restore_token.is_empty(), "soft-deleted objects")?;
    without(q.common_object_request_params.is_some(), "customer-supplied keys")?;
    without(q.read_mask.is_some(), "read_mask")?;
    let wanted = conditions(
        q.if_generation_match,
        q.if_generation_not_match,
        q.if_metageneration_match,
        q.if_metageneration_not_match,
    );
    let id = bucket_id(&q.bucket)?;
    let mut state = server.state();
    let object = state.bucket(id)?.find(&q.object, q.generation).cloned();
    let object = object.ok_or_else(|| absent(id, &q.object))?;
    wanted.check_read(&object)?;
    Ok(describe(id, &q.object, &object))
}

pub(super) fn delete(server: &Server, q: proto::DeleteObjectRequest) -> Result<(), Refusal> {
    without(q.common_object_request_params.is_some(), "customer-supplied keys")?;
    let wanted = conditions(
        q.if_generation_match,
        q.if_generation_not_match,
        q.if_metageneration_match,
        q.if_metageneration_not_match,
    );
    let id = bucket_id(&q.bucket)?;
    let (now, obeys) = (server.now(), server.settings().obeys);
    let mut state = server.state();
    let bucket = state.bucket(id)?;
    let object = bucket.find(&q.object, q.generation).ok_or_else(|| absent(id, &q.object))?.clone();
    if obeys == Obeys::All {
        wanted.check_write(Some(&object))?;
    }
    let name: Box<str> = q.object.as_str().into();
    // A generation that is named is gone for good; without one the live object becomes noncurrent.
    if q.generation == 0 {
        bucket.retire(&name, now);
    } else if bucket.live.get(&name).is_some_and(|live| live.generation == q.generation) {
        bucket.live.remove(&name);
    } else {
        bucket.noncurrent.remove(&(name, q.generation));
    }
    Ok(())
}

pub(super) fn update(server: &Server, q: proto::UpdateObjectRequest) -> Result<proto::Object, Refusal> {
    without(q.common_object_request_params.is_some(), "customer-supplied keys")?;
    without(!q.predefined_acl.is_empty() || q.override_unlocked_retention, "access lists and retention")?;
    let wanted = conditions(
        q.if_generation_match,
        q.if_generation_not_match,
        q.if_metageneration_match,
        q.if_metageneration_not_match,
    );
    let mut object = q.object.ok_or_else(|| Refusal::invalid("Required field: object"))?;
    let paths = q.update_mask.map(|mask| mask.paths).unwrap_or_default();
    if paths.is_empty() {
        return Err(Refusal::invalid("Required field: update_mask"));
    }
    let (generation, name) = (std::mem::take(&mut object.generation), object.name.clone());
    let bucket_name = object.bucket.clone();
    let id = bucket_id(&bucket_name)?;
    let draft = read(object)?;
    let now = server.now();
    let mut state = server.state();
    let bucket = state.bucket(id)?;
    let old = bucket.find(&name, generation).ok_or_else(|| absent(id, &name))?.clone();
    wanted.check_write(Some(&old))?;
    let mut new = Object { metageneration: old.metageneration + 1, updated: now, ..(*old).clone() };
    for path in &paths {
        let (to, from) = (&mut new.fields, &draft.fields);
        match path.as_str() {
            "content_type" => to.content_type = from.content_type.clone(),
            "cache_control" => to.cache_control = from.cache_control.clone(),
            "content_encoding" => to.content_encoding = from.content_encoding.clone(),
            "content_disposition" => to.content_disposition = from.content_disposition.clone(),
            "content_language" => to.content_language = from.content_language.clone(),
            "metadata" => to.metadata = from.metadata.clone(),
            "custom_time" => to.custom_time = from.custom_time,
            path => return Err(Refusal::Invalid(format!("The double updates no field {path:?}."))),
        }
    }
    let new = Arc::new(new);
    let key: Box<str> = name.as_str().into();
    if bucket.live.get(&key).is_some_and(|live| live.generation == new.generation) {
        bucket.live.insert(key, new.clone());
    } else {
        bucket.noncurrent.insert((key, new.generation), new.clone());
    }
    Ok(describe(id, &name, &new))
}
