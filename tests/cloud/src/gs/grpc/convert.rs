//! Objects as messages.

use googleapis_tonic_google_storage_v2::google::storage::v2 as proto;

use super::without;
use crate::gs::bucket::{Conditions, check_draft};
use crate::gs::object::{Draft, Fields, Object};
use crate::gs::refusal::Refusal;
use crate::gs::time::{of_parts, stamp};

pub(super) fn describe(bucket: &str, name: &str, object: &Object) -> proto::Object {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let fields = &object.fields;
    let mut told = proto::Object {
        name: name.to_owned(),
        bucket: format!("projects/_/buckets/{bucket}"),
        etag: object.etag(),
        generation: object.generation,
        metageneration: object.metageneration,
        storage_class: object.storage_class.clone(),
        size: object.content.len() as i64,
        content_type: text(&fields.content_type),
        cache_control: text(&fields.cache_control),
        content_encoding: text(&fields.content_encoding),
        content_disposition: text(&fields.content_disposition),
        content_language: text(&fields.content_language),
        kms_key: text(&object.kms_key),
        component_count: object.components.unwrap_or(0),
        metadata: fields.metadata.clone().into_iter().collect(),
        checksums: Some(proto::ObjectChecksums {
            crc32c: Some(object.sums.crc32c),
            md5_hash: object.sums.md5.map(|md5| md5.to_vec()).unwrap_or_default(),
        }),
        ..proto::Object::default()
    };
    stamp!(told.create_time, object.created);
    stamp!(told.finalize_time, object.created);
    stamp!(told.update_storage_class_time, object.created);
    stamp!(told.update_time, object.updated);
    if let Some(deleted) = object.deleted {
        stamp!(told.delete_time, deleted);
    }
    if let Some(custom) = fields.custom_time {
        stamp!(told.custom_time, custom);
    }
    told
}

/// What a message says about an object that is to be made. A field that the double does not keep is refused.
pub(super) fn read(object: proto::Object) -> Result<Draft, Refusal> {
    let text = |value: String| (!value.is_empty()).then_some(value);
    let custom_time = object.custom_time.as_ref().map(|time| of_parts(time.seconds, time.nanos));
    let draft = Draft {
        fields: Fields {
            content_type: text(object.content_type.clone()),
            cache_control: text(object.cache_control.clone()),
            content_encoding: text(object.content_encoding.clone()),
            content_disposition: text(object.content_disposition.clone()),
            content_language: text(object.content_language.clone()),
            metadata: object.metadata.clone().into_iter().collect(),
            custom_time,
        },
        storage_class: text(object.storage_class.clone()),
        kms_key: text(object.kms_key.clone()),
        components: None,
    };
    // Whatever else is set.
    let kept = proto::Object {
        name: object.name.clone(),
        bucket: object.bucket.clone(),
        content_type: object.content_type.clone(),
        cache_control: object.cache_control.clone(),
        content_encoding: object.content_encoding.clone(),
        content_disposition: object.content_disposition.clone(),
        content_language: object.content_language.clone(),
        metadata: object.metadata.clone(),
        storage_class: object.storage_class.clone(),
        kms_key: object.kms_key.clone(),
        custom_time: object.custom_time,
        ..proto::Object::default()
    };
    without(kept != object, "other fields of an object than those of its content, metadata and class")?;
    check_draft(&draft)?;
    Ok(draft)
}

/// The conditions of a message.
pub(super) fn conditions(
    generation_match: Option<i64>,
    generation_not_match: Option<i64>,
    metageneration_match: Option<i64>,
    metageneration_not_match: Option<i64>,
) -> Conditions {
    Conditions { generation_match, generation_not_match, metageneration_match, metageneration_not_match }
}
