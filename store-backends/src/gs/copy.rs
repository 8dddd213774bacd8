//! Copying on the service's side.

use std::sync::Arc;

use google_cloud_storage::model;
use larder_store_core::{
    Copied, CopyOptions, Error, ErrorKind, Key, Op, Precondition, PutOptions, Result, Version,
};

use super::condition::{Condition, Refused, mine};
use super::error::Said;
use super::object::Object;
use super::put::Draft;
use super::wire::Wire;

/// How often a source is looked at that is replaced while it is copied.
const REPLACED: u32 = 100;

/// What became of a rewrite.
enum Done {
    /// The target has this generation.
    Made(i64),
    /// The target is not what was wanted.
    Refused,
    /// The source is another object by now, or none.
    Moved,
}

/// Copies a value, its attributes and its expiry, by one look at the source and as many calls as the rewrite takes.
pub(super) async fn copy(
    wire: &Arc<Wire>,
    op: Op,
    from: &Key,
    to: &Key,
    options: &CopyOptions,
) -> Result<Copied> {
    let call = &options.call;
    wire.guarantees.check_key(op, from)?;
    let mut put = PutOptions::new().with_pre(options.pre.clone()).with_call(call.clone());
    put.write_id = options.write_id;
    wire.guarantees.check_put(op, to, &put, None)?;
    let (source, target) = (wire.names.of(op, from)?, wire.names.of(op, to)?);
    for _ in 0..REPLACED {
        let object = match wire.look(op, call, &source, None).await? {
            Some(object) if !object.is_expired(wire.env.wall()) => object,
            _ => return Ok(Copied::Absent),
        };
        only(op, options.only.as_ref(), &object).map_err(|e| e.on_instead(from))?;
        (put.expires, put.attributes) = (object.expires(), object.attributes.clone());
        let draft = wire.draft(&put)?;
        // A resend of this write, and its look, must know it again.
        put.write_id = Some(draft.facts.write_id);
        let mut condition = wire.condition(op, call, &target, &options.pre).await?;
        let mut tried = 0;
        loop {
            tried += 1;
            match rewrite(wire, op, &put, (&source, object.generation), (&target, condition), &draft).await? {
                Done::Made(generation) => {
                    return Ok(Copied::Done(wire.written(&draft, generation, object.size)));
                }
                Done::Moved => break,
                Done::Refused => match wire.refused(op, &target, &put, draft.facts.write_id).await? {
                    Refused::Mine(version) => {
                        return Ok(Copied::Done(mine(wire.written(&draft, 0, object.size), version)));
                    }
                    _ if tried > 1 => {
                        let why = "what stood there was replaced meanwhile";
                        return Err(Error::new(ErrorKind::Unavailable, op, why));
                    }
                    Refused::Still(generation) => condition = Condition::Match(generation),
                    Refused::Free => condition = Condition::Absent,
                },
            }
        }
    }
    let why = format!("the value was replaced {REPLACED} times while it was copied");
    Err(Error::new(ErrorKind::Unavailable, op, why))
}

/// Refuses a source that is not the only one wanted.
fn only(op: Op, only: Option<&Version>, source: &Object) -> Result<()> {
    match only {
        Some(only) => Precondition::Matches(only.clone()).check(op, Some(&source.version())).map(drop),
        None => Ok(()),
    }
}

/// Calls until the rewrite is done. Nothing is to be seen of it before the last one.
async fn rewrite(
    wire: &Arc<Wire>,
    op: Op,
    put: &PutOptions,
    (source, generation): (&str, i64),
    (target, condition): (&str, Condition),
    draft: &Draft,
) -> Result<Done> {
    let config = wire.config();
    let mut described = draft.describe(model::Object::new());
    described.storage_class = config.storage_class.clone().unwrap_or_default();
    let mut token = String::new();
    loop {
        let (live, client) = wire.control(op, &put.call).await?;
        let request = client
            .rewrite_object()
            .set_source_bucket(wire.bucket.as_str())
            .set_source_object(source)
            .set_source_generation(generation)
            .set_destination_bucket(wire.bucket.as_str())
            .set_destination_name(target)
            .set_destination(described.clone())
            .set_destination_kms_key(config.kms_key.clone().unwrap_or_default())
            .set_or_clear_if_generation_match(condition.generation())
            .set_rewrite_token(token.as_str())
            .send();
        let done = match wire.write(op, &put.call, &live, 0, request).await? {
            Ok(done) => done,
            Err(failure) if failure.is(Said::Precondition) => return Ok(Done::Refused),
            Err(failure) if wire.is_absent(op, &put.call, &failure).await? => return Ok(Done::Moved),
            Err(failure) => return Err(failure.into()),
        };
        if done.done {
            let none = || {
                Error::new(ErrorKind::Unknown, op, "the service made a copy and did not describe it")
                    .with_settled(false)
            };
            return Ok(Done::Made(done.resource.ok_or_else(none)?.generation));
        }
        token = done.rewrite_token;
    }
}
