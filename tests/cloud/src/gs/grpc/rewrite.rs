//! RewriteObject.

use super::convert::{conditions, describe, read};
use super::{bucket_id, proto, without};
use crate::gs::bucket::check_name;
use crate::gs::object::Draft;
use crate::gs::refusal::Refusal;
use crate::gs::rewrite::Rewrite;
use crate::gs::server::Server;
use crate::gs::settings::Obeys;

/// What a call may rewrite at least, and in multiples of.
const STEP: i64 = 1 << 20;

pub(super) fn rewrite(
    server: &Server,
    q: proto::RewriteObjectRequest,
) -> Result<proto::RewriteResponse, Refusal> {
    without(q.common_object_request_params.is_some(), "customer-supplied keys")?;
    without(!q.copy_source_encryption_algorithm.is_empty(), "customer-supplied keys")?;
    without(!q.destination_predefined_acl.is_empty(), "access lists")?;
    without(q.object_checksums.is_some(), "checksums of a rewrite")?;
    if q.max_bytes_rewritten_per_call % STEP != 0 {
        return Err(Refusal::invalid("max_bytes_rewritten_per_call is a multiple of 1 MiB."));
    }
    let target = conditions(
        q.if_generation_match,
        q.if_generation_not_match,
        q.if_metageneration_match,
        q.if_metageneration_not_match,
    );
    let wanted = conditions(
        q.if_source_generation_match,
        q.if_source_generation_not_match,
        q.if_source_metageneration_match,
        q.if_source_metageneration_not_match,
    );
    let (from, to) = (bucket_id(&q.source_bucket)?, bucket_id(&q.destination_bucket)?);
    check_name(&q.destination_name)?;
    let given = q.destination.clone().map(read).transpose()?;
    let asked = proto::RewriteObjectRequest { rewrite_token: String::new(), ..q.clone() };
    let (now, settings, id) = (server.now(), server.settings(), server.new_id());
    let mut state = server.state();
    let (source, done) = if q.rewrite_token.is_empty() {
        let source = state.bucket(from)?.find(&q.source_object, q.source_generation).cloned();
        let source = source.ok_or_else(|| Refusal::NoObject(format!("{from}/{}", q.source_object)))?;
        wanted.check_read(&source)?;
        (source, 0)
    } else {
        let begun = state.rewrites.remove(&q.rewrite_token).filter(|begun| begun.asked == asked);
        let begun = begun.ok_or_else(|| Refusal::invalid("The rewrite token is of no such rewrite."))?;
        (begun.source, begun.done)
    };
    let size = source.content.len();
    let most = u64::try_from(q.max_bytes_rewritten_per_call).ok().filter(|most| *most > 0);
    let done = done.saturating_add(most.unwrap_or(u64::MAX).min(settings.rewrite)).min(size);
    if settings.obeys != Obeys::Nothing {
        let live = state.bucket(to)?.live.get(&*q.destination_name).cloned();
        target.check_write(live.as_deref())?;
    }
    if done < size {
        state.rewrites.insert(id.clone(), Rewrite { asked, source, done });
        return Ok(proto::RewriteResponse {
            total_bytes_rewritten: done as i64,
            object_size: size as i64,
            done: false,
            rewrite_token: id,
            resource: None,
        });
    }
    // Without a destination the target is described as the source is.
    let kept = || Draft { fields: source.fields.clone(), ..Draft::default() };
    let mut draft = given.unwrap_or_else(kept);
    if !q.destination_kms_key.is_empty() {
        draft.kms_key = Some(q.destination_kms_key.clone());
    }
    draft.components = source.components;
    let generation = state.next_generation(now);
    let (content, sums) = (source.content.clone(), source.sums);
    let bucket = state.bucket(to)?;
    let object = bucket.put(&q.destination_name, draft, content, sums, (now, generation));
    Ok(proto::RewriteResponse {
        total_bytes_rewritten: size as i64,
        object_size: size as i64,
        done: true,
        rewrite_token: String::new(),
        resource: Some(describe(to, &q.destination_name, &object)),
    })
}
