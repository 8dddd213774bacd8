//! ListObjects.

use base64_simd::STANDARD;

use super::convert::describe;
use super::{bucket_id, proto, without};
use crate::gs::listing::{After, LARGEST_PAGE, Wanted, page};
use crate::gs::refusal::Refusal;
use crate::gs::server::Server;

pub(super) fn list(
    server: &Server,
    q: proto::ListObjectsRequest,
) -> Result<proto::ListObjectsResponse, Refusal> {
    without(q.include_trailing_delimiter, "include_trailing_delimiter")?;
    without(q.include_folders_as_prefixes, "include_folders_as_prefixes")?;
    without(q.soft_deleted, "soft_deleted")?;
    without(!q.match_glob.is_empty(), "match_glob")?;
    without(!q.filter.is_empty(), "filter")?;
    without(q.read_mask.is_some(), "read_mask")?;
    let most = match usize::try_from(q.page_size) {
        Ok(0) => LARGEST_PAGE,
        Ok(size) => size.min(LARGEST_PAGE),
        Err(_) => return Err(Refusal::invalid("page_size is negative.")),
    };
    let after = if q.page_token.is_empty() { None } else { Some(read(&q.page_token)?) };
    let id = bucket_id(&q.parent)?;
    let mut state = server.state();
    let bucket = state.bucket(id)?;
    let wanted = Wanted {
        prefix: &q.prefix,
        delimiter: &q.delimiter,
        start: &q.lexicographic_start,
        end: &q.lexicographic_end,
        versions: q.versions,
        after,
        most,
    };
    let found = page(bucket, &wanted);
    Ok(proto::ListObjectsResponse {
        objects: found.objects.iter().map(|(name, object)| describe(id, name, object)).collect(),
        prefixes: found.prefixes,
        next_page_token: found.next.map(|next| token(&next)).unwrap_or_default(),
    })
}

fn token(after: &After) -> String {
    let text = match after {
        After::Object(name, generation) => format!("o{generation}:{name}"),
        After::Prefix(prefix) => format!("p:{prefix}"),
    };
    STANDARD.encode_to_string(text)
}

fn read(token: &str) -> Result<After, Refusal> {
    let wrong = || Refusal::invalid("Invalid page token.");
    let text = STANDARD.decode_to_vec(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(wrong)?;
    let (kind, name) = text.split_once(':').ok_or_else(wrong)?;
    match (kind, kind.strip_prefix('o').and_then(|generation| generation.parse().ok())) {
        ("p", _) => Ok(After::Prefix(name.to_owned())),
        (_, Some(generation)) => Ok(After::Object(name.to_owned(), generation)),
        _ => Err(wrong()),
    }
}
