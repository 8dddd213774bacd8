//! Printing a configuration, so that parsing gives it back.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::store::StoreConfig;
use super::url::port_is_number;
use crate::secret::Secret;

/// What stands for a value that is not shown.
pub(super) const STARS: &str = "***";

/// Everywhere: what has a meaning in URLs or stacks, and what gets lost at the ends of a line.
const PLACE: &AsciiSet =
    &CONTROLS.add(b' ').add(b'%').add(b'?').add(b'#').add(b'|').add(b'@').add(b'"').add(b'\\');
/// A host that is no `name:port`.
const HOST: &AsciiSet = &PLACE.add(b':');
const NAME: &AsciiSet = &PLACE.add(b'&').add(b'=');
const VALUE: &AsciiSet = &PLACE.add(b'&');

/// `scheme:place?name=value`, each name and value as `show` gives them.
pub(super) fn url<'c>(
    config: &'c StoreConfig,
    show: impl Fn(&'c str, &'c str) -> (&'c str, &'c str),
) -> Secret {
    let params = config.params.iter().map(|(name, value)| show(name, value.reveal()));
    Secret::new(address(config) + &query('?', params))
}

fn address(config: &StoreConfig) -> String {
    let StoreConfig { scheme, place, .. } = config;
    let (host, path) = match config.authority() {
        Some(host) => place.split_at(host.len()),
        None => ("", place.as_str()),
    };
    let host_set = if port_is_number(host) { PLACE } else { HOST };
    // A place that itself begins with two slashes would be taken for a host.
    let slashes = if config.has_authority || path.starts_with("//") { "//" } else { "" };
    format!("{scheme}:{slashes}{}{}", utf8_percent_encode(host, host_set), utf8_percent_encode(path, PLACE))
}

/// `?name=value&name=value`, or nothing.
pub(super) fn query<'c>(first: char, params: impl Iterator<Item = (&'c str, &'c str)>) -> String {
    let mut text = String::new();
    for (name, value) in params {
        text.push(if text.is_empty() { first } else { '&' });
        text.extend(utf8_percent_encode(name, NAME));
        text.push('=');
        text.extend(utf8_percent_encode(value, VALUE));
    }
    text
}
