//! The obvious listing.

use std::collections::BTreeSet;

use crate::options::ListOptions;

/// The names that a listing of `keys` must give, in order.
///
/// Cut behind their first delimiter, sorted keys give sorted names: a name that ends in the delimiter is a prefix of
/// no other name. So equal names stand side by side.
pub(crate) fn list(keys: &BTreeSet<String>, options: &ListOptions) -> Vec<String> {
    let delimiter = options.delimiter.as_deref().filter(|d| !d.is_empty());
    let after = options.start_after.as_deref();
    let mut names: Vec<&str> = Vec::new();
    for key in keys {
        if names.len() >= options.limit.unwrap_or(usize::MAX) {
            break;
        }
        let Some(rest) = key.strip_prefix(options.prefix.as_str()) else { continue };
        let end = delimiter.and_then(|d| Some(options.prefix.len() + rest.find(d)? + d.len()));
        let name = &key[..end.unwrap_or(key.len())];
        if names.last() != Some(&name) && after.is_none_or(|after| name > after) {
            names.push(name);
        }
    }
    names.into_iter().map(str::to_owned).collect()
}
