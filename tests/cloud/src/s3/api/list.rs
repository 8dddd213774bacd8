//! ListObjectsV2.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Api;
use crate::s3::clock;
use crate::s3::listing::{After, Item, LARGEST_PAGE, page};
use crate::s3::object::Object as Kept;

/// What stays as it is under `encoding-type=url`. A space becomes a plus, so it is let through here.
const URL: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

/// How names are written into a listing.
#[derive(Clone, Copy)]
pub(super) struct Written {
    url: bool,
}

impl Written {
    pub(super) fn of(encoding: Option<&EncodingType>) -> S3Result<Self> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Self { url: false }),
            Some(EncodingType::URL) => Ok(Self { url: true }),
            Some(_) => Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request")),
        }
    }

    pub(super) fn name(self, name: &str) -> String {
        match self.url {
            true => utf8_percent_encode(name, URL).to_string().replace(' ', "+"),
            false => name.to_owned(),
        }
    }

    pub(super) fn bytes(self, name: &[u8]) -> String {
        self.name(&String::from_utf8_lossy(name))
    }

    pub(super) fn dto(self) -> Option<EncodingType> {
        self.url.then(|| EncodingType::from_static(EncodingType::URL))
    }
}

/// How many names a page may hold, out of what was asked for.
pub(super) fn page_size(asked: Option<i32>) -> S3Result<usize> {
    match asked.map(usize::try_from) {
        None => Ok(LARGEST_PAGE),
        Some(Ok(asked)) => Ok(asked.min(LARGEST_PAGE)),
        Some(Err(_)) => {
            Err(s3_error!(InvalidArgument, "Argument maxKeys must be an integer between 0 and 2147483647"))
        }
    }
}

impl Api {
    pub(super) async fn list(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let written = Written::of(input.encoding_type.as_ref())?;
        let most = page_size(input.max_keys)?;
        let prefix = input.prefix.unwrap_or_default();
        let delimiter = input.delimiter.filter(|delimiter| !delimiter.is_empty());
        let after = match (&input.continuation_token, &input.start_after) {
            (Some(token), _) => After::of_token(token)?,
            (None, Some(name)) if !name.is_empty() => After::Key(name.clone().into_bytes()),
            (None, _) => After::Nothing,
        };
        let mut output = ListObjectsV2Output {
            name: Some(input.bucket.clone()),
            prefix: Some(written.name(&prefix)),
            delimiter: delimiter.as_deref().map(|delimiter| written.name(delimiter)),
            start_after: input.start_after.as_deref().map(|name| written.name(name)),
            continuation_token: input.continuation_token,
            encoding_type: written.dto(),
            max_keys: i32::try_from(most).ok(),
            ..ListObjectsV2Output::default()
        };
        let (mut contents, mut prefixes) = (Vec::new(), Vec::new());
        self.0.with_bucket(&input.bucket, |bucket| {
            let delimiter = delimiter.as_deref().map(str::as_bytes);
            let page = page(&bucket.objects, prefix.as_bytes(), delimiter, &after, most);
            for item in page.items {
                match item {
                    Item::Object(name, object) => contents.push(row(written.bytes(name), object)),
                    Item::Prefix(name) => prefixes.push(CommonPrefix { prefix: Some(written.bytes(name)) }),
                }
            }
            output.is_truncated = Some(page.next.is_some());
            output.next_continuation_token = page.next.map(|next| next.token());
            Ok(())
        })?;
        output.key_count = i32::try_from(contents.len() + prefixes.len()).ok();
        output.contents = Some(contents);
        output.common_prefixes = Some(prefixes);
        Ok(S3Response::new(output))
    }
}

fn row(name: String, object: &Kept) -> Object {
    let class = object.extra.as_ref().and_then(|extra| extra.headers.storage_class.clone());
    let class = class.unwrap_or_else(|| ObjectStorageClass::STANDARD.to_owned());
    Object {
        key: Some(name),
        size: i64::try_from(object.content.len()).ok(),
        e_tag: Some(object.etag.dto()),
        last_modified: Some(clock::timestamp(object.modified)),
        storage_class: Some(ObjectStorageClass::from(class)),
        ..Object::default()
    }
}
