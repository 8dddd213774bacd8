//! Objects as JSON.

use base64_simd::STANDARD;
use serde_json::{Map, Value, json};

use crate::gs::object::{Draft, Fields, Object};
use crate::gs::refusal::Refusal;
use crate::gs::sums::{Said, decode_crc32c, decode_md5, encode_crc32c, encode_md5};
use crate::gs::time;

/// The resource of an object (JSON API reference, "Objects").
pub(super) fn describe(bucket: &str, name: &str, object: &Object) -> Value {
    let mut told = Map::new();
    let mut set = |field: &str, value: Value| drop(told.insert(field.to_owned(), value));
    set("kind", json!("storage#object"));
    set("id", json!(format!("{bucket}/{name}/{}", object.generation)));
    set("bucket", json!(bucket));
    set("name", json!(name));
    set("generation", json!(object.generation.to_string()));
    set("metageneration", json!(object.metageneration.to_string()));
    set("size", json!(object.content.len().to_string()));
    set("storageClass", json!(object.storage_class));
    set("etag", json!(object.etag()));
    set("crc32c", json!(encode_crc32c(object.sums.crc32c)));
    set("timeCreated", json!(time::rfc3339(object.created)));
    set("timeStorageClassUpdated", json!(time::rfc3339(object.created)));
    set("timeFinalized", json!(time::rfc3339(object.created)));
    set("updated", json!(time::rfc3339(object.updated)));
    let fields = &object.fields;
    let optional = [
        ("contentType", &fields.content_type),
        ("cacheControl", &fields.cache_control),
        ("contentEncoding", &fields.content_encoding),
        ("contentDisposition", &fields.content_disposition),
        ("contentLanguage", &fields.content_language),
        ("kmsKeyName", &object.kms_key),
    ];
    for (field, value) in optional {
        if let Some(value) = value {
            set(field, json!(value));
        }
    }
    if let Some(md5) = object.sums.md5 {
        set("md5Hash", json!(encode_md5(md5)));
    }
    if let Some(components) = object.components {
        set("componentCount", json!(components));
    }
    if let Some(deleted) = object.deleted {
        set("timeDeleted", json!(time::rfc3339(deleted)));
    }
    if let Some(custom) = fields.custom_time {
        set("customTime", json!(time::rfc3339(custom)));
    }
    if !fields.metadata.is_empty() {
        set("metadata", json!(fields.metadata));
    }
    Value::Object(told)
}

/// Reads the resource that an upload comes with. A field that the double does not keep is refused.
pub(super) fn read(text: &[u8], name: &str) -> Result<(Draft, Said), Refusal> {
    let wrong = || Refusal::invalid("The metadata of the upload is no JSON object of strings.");
    let value: Value = match text {
        b"" => Value::Object(Map::new()),
        text => serde_json::from_slice(text).map_err(|_| wrong())?,
    };
    let Value::Object(fields) = value else { return Err(wrong()) };
    let (mut draft, mut said) = (Draft::default(), Said::default());
    for (field, value) in fields {
        if field == "metadata" {
            let Value::Object(entries) = value else { return Err(wrong()) };
            for (entry, value) in entries {
                let Value::String(value) = value else { return Err(wrong()) };
                draft.fields.metadata.insert(entry, value);
            }
            continue;
        }
        let Value::String(value) = value else { return Err(wrong()) };
        let Fields { content_type, cache_control, content_encoding, content_disposition, .. } =
            &mut draft.fields;
        match field.as_str() {
            "name" if value == name => {}
            "contentType" => *content_type = Some(value),
            "cacheControl" => *cache_control = Some(value),
            "contentEncoding" => *content_encoding = Some(value),
            "contentDisposition" => *content_disposition = Some(value),
            "contentLanguage" => draft.fields.content_language = Some(value),
            "storageClass" => draft.storage_class = Some(value),
            "customTime" => {
                let time = time::parse_rfc3339(&value).ok_or_else(wrong)?;
                draft.fields.custom_time = Some(time);
            }
            "crc32c" => said.crc32c = Some(decode_crc32c(&value)?),
            "md5Hash" => said.md5 = Some(decode_md5(&value)?),
            _ => return Err(Refusal::Invalid(format!("The double keeps no field {field:?}."))),
        }
    }
    Ok((draft, said))
}

/// Reads the checksums that come behind the bytes.
pub(super) fn read_sums(text: &[u8]) -> Result<Said, Refusal> {
    let (draft, said) = read(text, "")?;
    let empty = draft.fields == Fields::default() && draft.storage_class.is_none();
    if empty { Ok(said) } else { Err(Refusal::invalid("Only checksums may stand behind the bytes.")) }
}

/// `x-goog-hash` of a download.
pub(super) fn hashes(object: &Object) -> String {
    let crc32c = format!("crc32c={}", encode_crc32c(object.sums.crc32c));
    match object.sums.md5 {
        Some(md5) => format!("{crc32c},md5={}", STANDARD.encode_to_string(md5)),
        None => crc32c,
    }
}
