//! Outputs out of what is kept of an object.

use s3s::dto::{GetObjectOutput, HeadObjectOutput};

use super::clock;
use super::object::Object;

/// Fills what GetObject and HeadObject have in common.
macro_rules! describe {
    ($name:ident, $output:ty) => {
        pub(super) fn $name(object: &Object, with_checksum: bool) -> $output {
            let mut output = <$output>::default();
            output.accept_ranges = Some("bytes".into());
            output.e_tag = Some(object.etag.dto());
            output.last_modified = Some(clock::timestamp(object.modified));
            output.content_type = Some("binary/octet-stream".into());
            let Some(extra) = &object.extra else { return output };
            let headers = extra.headers.clone();
            if headers.content_type.is_some() {
                output.content_type = headers.content_type;
            }
            output.cache_control = headers.cache_control;
            output.content_disposition = headers.content_disposition;
            output.content_encoding = headers.content_encoding;
            output.content_language = headers.content_language;
            output.expires = headers.expires;
            output.storage_class = headers.storage_class.filter(|class| class != "STANDARD").map(Into::into);
            output.metadata = headers.metadata;
            if with_checksum {
                let sums = extra.checksum.clone();
                output.checksum_crc32 = sums.checksum_crc32;
                output.checksum_crc32c = sums.checksum_crc32c;
                output.checksum_crc64nvme = sums.checksum_crc64nvme;
                output.checksum_sha1 = sums.checksum_sha1;
                output.checksum_sha256 = sums.checksum_sha256;
                output.checksum_type = sums.checksum_type;
            }
            output
        }
    };
}

describe!(get_output, GetObjectOutput);
describe!(head_output, HeadObjectOutput);
