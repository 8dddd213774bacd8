//! ComposeObject.

use super::convert::{conditions, describe, read};
use super::{bucket_id, proto, without};
use crate::content::Content;
use crate::gs::bucket::check_name;
use crate::gs::refusal::Refusal;
use crate::gs::server::Server;
use crate::gs::settings::Obeys;
use crate::gs::sums::{Sums, combined};

/// Objects that one call composes (Cloud Storage, "Composite objects").
const MOST: usize = 32;

pub(super) fn compose(server: &Server, q: proto::ComposeObjectRequest) -> Result<proto::Object, Refusal> {
    without(q.common_object_request_params.is_some(), "customer-supplied keys")?;
    without(!q.destination_predefined_acl.is_empty(), "access lists")?;
    without(q.object_checksums.is_some(), "checksums of a composition")?;
    without(q.delete_source_objects.unwrap_or(false), "delete_source_objects")?;
    let target = conditions(q.if_generation_match, None, q.if_metageneration_match, None);
    let destination = q.destination.ok_or_else(|| Refusal::invalid("Required field: destination"))?;
    let (bucket_name, name) = (destination.bucket.clone(), destination.name.clone());
    let id = bucket_id(&bucket_name)?;
    check_name(&name)?;
    let mut draft = read(destination)?;
    if !q.kms_key.is_empty() {
        draft.kms_key = Some(q.kms_key.clone());
    }
    if q.source_objects.is_empty() || q.source_objects.len() > MOST {
        return Err(Refusal::invalid("The number of source components provided must be between 1 and 32."));
    }
    let (now, obeys) = (server.now(), server.settings().obeys);
    let mut state = server.state();
    let generation = state.next_generation(now);
    let bucket = state.bucket(id)?;
    let mut sources = Vec::new();
    for one in &q.source_objects {
        let source = bucket.find(&one.name, one.generation).cloned();
        let source = source.ok_or_else(|| Refusal::NoObject(format!("{id}/{}", one.name)))?;
        let only = one.object_preconditions.as_ref().and_then(|pre| pre.if_generation_match);
        conditions(only, None, None, None).check_read(&source)?;
        sources.push(source);
    }
    if obeys != Obeys::Nothing {
        target.check_write(bucket.live.get(&*name).map(|live| &**live))?;
    }
    let crc32c = combined(sources.iter().map(|one| (one.sums.crc32c, one.content.len())));
    draft.components = Some(sources.iter().map(|one| one.components.unwrap_or(1)).sum());
    let content = Content::joined(sources.iter().map(|one| one.content.clone()));
    let object = bucket.put(&name, draft, content, Sums { crc32c, md5: None }, (now, generation));
    Ok(describe(id, &name, &object))
}
