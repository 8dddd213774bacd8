//! URLs of stores. Not the WHATWG kind, which would resolve `..` and fold the case of a bucket.
//!
//! No message here shows a piece of the text: it may hold a secret that was not escaped.

use percent_encoding::percent_decode_str;

use super::store::{SCHEME_FORM, StoreConfig, is_scheme, shown, wrong};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// How to write what has a meaning of its own.
const ESCAPES: &str = "write @ as %40, / as %2F, ? as %3F, # as %23, & as %26, | as %7C and % as %25 where it is part \
                       of a name or secret";

/// A piece of the text, and where in the whole it begins.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Piece<'a> {
    fn from(self, start: usize) -> Piece<'a> {
        Piece { text: &self.text[start..], at: self.at + start }
    }

    fn to(self, end: usize) -> Piece<'a> {
        Piece { text: &self.text[..end], at: self.at }
    }

    /// What stands before and behind the first `c`.
    fn split(self, c: char) -> Option<(Piece<'a>, Piece<'a>)> {
        self.text.find(c).map(|at| (self.to(at), self.from(at + c.len_utf8())))
    }

    fn trim(self) -> Piece<'a> {
        let blank = |c: char| c.is_ascii_whitespace();
        let start = self.text.trim_start_matches(blank);
        Piece { text: start.trim_end_matches(blank), at: self.at + self.text.len() - start.len() }
    }
}

/// Parses one store's URL. Parameters of a stack are not looked for.
///
/// `at` is where the text begins in what the caller was given.
pub(super) fn parse(text: &str, at: usize) -> Result<StoreConfig> {
    let whole = Piece { text, at }.trim();
    if whole.text.is_empty() {
        return Err(wrong("the text is empty").hint(SCHEME_FORM));
    }
    let (scheme, rest) = match whole.split(':') {
        Some((scheme, rest)) if is_scheme(scheme.text) => (scheme.text, rest),
        Some((scheme, _)) if scheme.text.is_empty() => {
            return Err(wrong(format!("the scheme is empty (byte {})", scheme.at)).hint(SCHEME_FORM));
        }
        _ => return Err(wrong(format!("there is no scheme (byte {})", whole.at)).hint(SCHEME_FORM)),
    };
    let parser = Parser { scheme };
    parser.refuse_raw(rest)?;
    let (path, query) = match rest.split('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let mut config = StoreConfig::new(scheme, "");
    match path.text.starts_with("//") {
        true => parser.authority(&mut config, path.from(2), query)?,
        false => config.place = parser.decode(path, "the place")?,
    }
    if let Some(query) = query.filter(|query| !query.text.is_empty()) {
        parser.query(&mut config, query)?;
    }
    config.check()?;
    Ok(config)
}

struct Parser<'a> {
    scheme: &'a str,
}

impl Parser<'_> {
    fn fail(&self, what: impl std::fmt::Display, at: usize) -> Error {
        wrong(format!("{}: {what} (byte {at})", self.scheme))
    }

    /// Characters that stand for nothing here, and would be a slip.
    fn refuse_raw(&self, rest: Piece<'_>) -> Result<()> {
        let Some((at, c)) = rest.text.char_indices().find(|(_, c)| c.is_control() || matches!(c, '|' | '#'))
        else {
            return Ok(());
        };
        let at = rest.at + at;
        Err(match c {
            '|' => self.fail("a | separates tiers, and this is one store", at).hint("write it as %7C"),
            '#' => self.fail("a # has no meaning here", at).hint("write it as %23"),
            _ => self.fail("a control character", at).hint("write it in percent-encoding, NUL excepted"),
        })
    }

    /// `[user[:password]@]host[:port][/path]`
    fn authority(&self, config: &mut StoreConfig, text: Piece<'_>, query: Option<Piece<'_>>) -> Result<()> {
        let end = text.text.find('/').unwrap_or(text.text.len());
        let (authority, path) = (text.to(end), text.from(end));
        let (user, host) = match authority.text.rfind('@') {
            Some(at) => (Some(authority.to(at)), authority.from(at + 1)),
            None => (None, authority),
        };
        // A password with a bare `/` or `?` ends the host early: its rest must not become part of the place.
        if user.is_some() || host.text.contains(':') {
            for later in [Some(path), query].into_iter().flatten() {
                if let Some(at) = later.text.find('@') {
                    return Err(self.fail("an @ stands behind the host", later.at + at).hint(ESCAPES));
                }
            }
        }
        if !port_is_number(host.text) {
            let what = "what follows the host's : is no port number";
            return Err(self.fail(what, host.at).hint(ESCAPES));
        }
        if host.text.is_empty() && (user.is_some() || path.text.is_empty()) {
            let hint = format!("{}://host/path, or {}:/path without a host", self.scheme, self.scheme);
            return Err(self.fail("there is no place behind the two slashes", host.at).hint(hint));
        }
        if let Some(user) = user {
            self.user(config, user)?;
        }
        let name = self.decode(host, "the host")?;
        if name.contains('/') {
            return Err(self.fail("the host holds a /", host.at));
        }
        config.has_authority = !name.is_empty();
        config.place = name + &self.decode(path, "the place")?;
        Ok(())
    }

    fn user(&self, config: &mut StoreConfig, text: Piece<'_>) -> Result<()> {
        let (user, password) = match text.split(':') {
            Some((user, password)) => (user, Some(password)),
            None => (text, None),
        };
        if user.text.is_empty() && password.is_none() {
            return Err(self.fail("there is no user name before the @", user.at));
        }
        if !user.text.is_empty() {
            config.insert("user", Secret::new(self.decode(user, "the user name")?))?;
        }
        if let Some(password) = password {
            if password.text.is_empty() {
                return Err(self.fail("the password is empty", password.at).hint("leave the : out"));
            }
            config.insert("password", Secret::new(self.decode(password, "the password")?))?;
        }
        Ok(())
    }

    fn query(&self, config: &mut StoreConfig, query: Piece<'_>) -> Result<()> {
        let mut rest = Some(query);
        let mut number = 0;
        while let Some(text) = rest {
            number += 1;
            let (one, behind) = match text.split('&') {
                Some((one, behind)) => (one, Some(behind)),
                None => (text, None),
            };
            rest = behind;
            let (name, value) = one.split('=').ok_or_else(|| {
                let named = self.decode(one, "a parameter").unwrap_or_default();
                let what = match is_plain(&named) {
                    true => format!("the parameter {named:?} has no ="),
                    false => format!("parameter {number} has no ="),
                };
                self.fail(what, one.at).hint("write name=value, and & as %26 inside a value")
            })?;
            let name = self.decode(name, &format!("the name of parameter {number}"))?;
            if name.is_empty() {
                return Err(self.fail(format!("parameter {number} has no name"), one.at));
            }
            let value = self.decode(value, &format!("the value of {}", shown(&name)))?;
            if config.params.contains_key(&name) {
                let what = format!("parameter {number}, {}, stands twice", shown(&name));
                return Err(self.fail(what, one.at));
            }
            config.insert(&name, Secret::new(value))?;
        }
        Ok(())
    }

    /// Percent-decodes.
    fn decode(&self, text: Piece<'_>, what: &str) -> Result<String> {
        let bytes = text.text.as_bytes();
        for (at, _) in bytes.iter().enumerate().filter(|(_, b)| **b == b'%') {
            let digits = bytes.get(at + 1..at + 3).unwrap_or_default();
            if digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
                let what = format!("{what} has a % without two hexadecimal digits");
                return Err(self.fail(what, text.at + at).hint("a % itself is %25"));
            }
            if digits == b"00" {
                return Err(self.fail(format!("{what} holds a NUL"), text.at + at));
            }
        }
        match percent_decode_str(text.text).decode_utf8() {
            Ok(decoded) => Ok(decoded.into_owned()),
            Err(_) => Err(self.fail(format!("{what} is not UTF-8 when decoded"), text.at)),
        }
    }
}

/// Whether what follows the host's colon, if there is one, is a number. An IPv6 address stands in brackets.
pub(super) fn port_is_number(host: &str) -> bool {
    let behind = match host.starts_with('[') {
        true => host.find(']').map(|end| &host[end + 1..]),
        false => host.find(':').map(|at| &host[at..]),
    };
    match behind {
        None => !host.starts_with('['),
        Some("") => true,
        Some(port) => {
            port.strip_prefix(':').is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
        }
    }
}

/// Whether a name without a value may be shown: a short word, as names of parameters are.
fn is_plain(name: &str) -> bool {
    (1..=40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'.')
}
