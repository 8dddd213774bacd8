//! Names of files and folders for pieces of keys.
//!
//! A key is cut into *chunks*: behind each `/`, and behind the character that brings a chunk to [`FULL`] bytes or more.
//! Each chunk is one name, and its end says what it is:
//!
//! | name | is | keys in it |
//! |---|---|---|
//! | `chunk.larder` | the file of a value | the one that ends here |
//! | `chunk` | a folder | those that go on with a `/` |
//! | `chunk%+` | a folder, of a full chunk | those that end here or go on with anything |
//!
//! Where a chunk ends depends on the key up to there and on nothing behind it. So what one folder holds is ordered by
//! its chunks: no two entries' keys interleave.
//!
//! In a chunk these are written as `%` and two hexadecimal digits: what Windows forbids in names (`\ : * ? " < > |`)
//! and `%` itself; a dot that comes first (no name is hidden, `.` and `..` do not exist) or last; a space that comes
//! last; the first letter of a name that Windows reserves; the dot of a chunk that ends in `.larder`. A chunk without a
//! byte is `%` alone. All else stays readable.

use std::borrow::Cow;

/// What the file of a value ends with.
pub(super) const SUFFIX: &str = ".larder";
/// What a folder ends with whose chunk goes on.
const CONTINUED: &str = "%+";
/// The name of a chunk without a byte.
const EMPTY: &str = "%";
/// The cost at which a chunk is full. It ends behind the character that reaches it, so none costs above 240.
pub(super) const FULL: usize = 237;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The file of a value.
    Value,
    /// A folder whose keys go on with a `/`.
    Folder,
    /// A folder of a full chunk.
    Continued,
}

/// Bytes that a character takes in a name, wherever it stands: all for its first byte. A listing and each read of a small
/// file look at every byte of a key, so it is a table.
const COSTS: [u8; 256] = {
    let mut costs = [1; 256];
    let mut byte = 0x80;
    while byte < 0x100 {
        costs[byte] = match byte {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            // A byte that is not a character's first.
            _ => 0,
        };
        byte += 1;
    }
    let (forbidden, mut at) = (b"%\\:*?\"<>|", 0);
    while at < forbidden.len() {
        costs[forbidden[at] as usize] = 3;
        at += 1;
    }
    costs
};

fn cost(byte: u8) -> usize {
    usize::from(COSTS[usize::from(byte)])
}

/// Only an ASCII character that is escaped takes more than its own byte.
fn is_forbidden(byte: u8) -> bool {
    byte.is_ascii() && cost(byte) > 1
}

/// Cuts the first chunk off `rest`: the chunk, what it is, and what follows it.
pub(super) fn cut(rest: &str) -> (&str, Kind, &str) {
    let mut total = 0;
    for (at, byte) in rest.bytes().enumerate() {
        if byte == b'/' {
            return (&rest[..at], Kind::Folder, &rest[at + 1..]);
        }
        total += cost(byte);
        if total >= FULL {
            let (chunk, rest) = rest.split_at(rest.ceil_char_boundary(at + 1));
            return (chunk, Kind::Continued, rest);
        }
    }
    (rest, Kind::Value, "")
}

/// Appends the name of a chunk.
pub(super) fn encode(chunk: &str, kind: Kind, out: &mut String) {
    if chunk.is_empty() {
        out.push_str(EMPTY);
    } else {
        escape(chunk, out);
    }
    match kind {
        Kind::Value => out.push_str(SUFFIX),
        Kind::Folder => {}
        Kind::Continued => out.push_str(CONTINUED),
    }
}

fn escape(chunk: &str, out: &mut String) {
    let last = chunk.len() - 1;
    // The dot of the suffix, if the chunk ends as a value's name does.
    let suffix = chunk.strip_suffix(SUFFIX).map(str::len);
    let first = chunk.starts_with('.') || is_reserved(chunk);
    let odd = first || suffix.is_some() || chunk.ends_with(['.', ' ']);
    if !odd && !chunk.bytes().any(is_forbidden) {
        return out.push_str(chunk);
    }
    let mut plain = 0;
    for (at, byte) in chunk.bytes().enumerate() {
        let special = is_forbidden(byte)
            || (at == 0 && first)
            || (at == last && matches!(byte, b'.' | b' '))
            || Some(at) == suffix;
        if special {
            out.push_str(&chunk[plain..at]);
            plain = at + 1;
            out.push('%');
            out.extend([byte >> 4, byte & 15].map(|n| char::from(b"0123456789ABCDEF"[usize::from(n)])));
        }
    }
    out.push_str(&chunk[plain..]);
}

/// Whether Windows keeps the name for a device, whatever follows its first dot.
fn is_reserved(chunk: &str) -> bool {
    if !matches!(
        chunk.as_bytes().first(),
        Some(b'c' | b'C' | b'p' | b'P' | b'a' | b'A' | b'n' | b'N' | b'l' | b'L')
    ) {
        return false;
    }
    let base = chunk.split('.').next().unwrap_or_default().trim_end_matches(' ');
    let is = |name: &str| base.eq_ignore_ascii_case(name);
    match base.len() {
        3 => is("con") || is("prn") || is("aux") || is("nul"),
        // Ports have a digit, or a superscript 1, 2 or 3, which is two bytes in UTF-8.
        4 | 5 => {
            let (Some(port), Some(number)) = (base.get(..3), base.get(3..)) else { return false };
            (port.eq_ignore_ascii_case("com") || port.eq_ignore_ascii_case("lpt"))
                && matches!(
                    number,
                    "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
                )
        }
        6 => is("conin$") || is("clock$"),
        7 => is("conout$"),
        _ => false,
    }
}

/// Reads a name back. `None` for one that [`encode`] does not give.
pub(super) fn decode(name: &[u8]) -> Option<(Cow<'_, str>, Kind)> {
    let name = str::from_utf8(name).ok()?;
    let (escaped, kind) = match (name.strip_suffix(SUFFIX), name.strip_suffix(CONTINUED)) {
        (Some(escaped), _) => (escaped, Kind::Value),
        (None, Some(escaped)) => (escaped, Kind::Continued),
        (None, None) => (name, Kind::Folder),
    };
    let chunk = if escaped == EMPTY { Cow::Borrowed("") } else { unescape(escaped)? };
    // Only the one name that a chunk has is its own, so that no two files hold one key.
    let mut again = String::with_capacity(name.len());
    encode(&chunk, kind, &mut again);
    (again == name && is_chunk(&chunk, kind)).then_some((chunk, kind))
}

fn unescape(escaped: &str) -> Option<Cow<'_, str>> {
    if escaped.is_empty() || escaped.contains('/') {
        return None;
    }
    if !escaped.contains('%') {
        return Some(Cow::Borrowed(escaped));
    }
    let mut parts = escaped.split('%');
    let mut chunk = String::with_capacity(escaped.len());
    chunk.push_str(parts.next()?);
    for part in parts {
        let (digits, plain) = (part.get(..2)?, part.get(2..)?);
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let byte = u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii)?;
        chunk.push(char::from(byte));
        chunk.push_str(plain);
    }
    Some(Cow::Owned(chunk))
}

/// Whether [`cut`] gives this chunk as this kind.
fn is_chunk(chunk: &str, kind: Kind) -> bool {
    let total: usize = chunk.bytes().map(cost).sum();
    let last = chunk.char_indices().next_back().map_or(0, |(at, _)| at);
    let before = total - chunk[last..].bytes().map(cost).sum::<usize>();
    match kind {
        Kind::Value | Kind::Folder => total < FULL,
        Kind::Continued => total >= FULL && before < FULL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_what_characters_take() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let mut out = [0; 4];
            let text = &*c.encode_utf8(&mut out);
            let forbidden = matches!(c, '%' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
            let takes = if forbidden { 3 } else { c.len_utf8() };
            assert_eq!(text.bytes().map(cost).sum::<usize>(), takes, "{c:?}");
            assert_eq!(text.bytes().any(is_forbidden), forbidden, "{c:?}");
        }
    }

    fn encoded(chunk: &str, kind: Kind) -> String {
        let mut out = String::new();
        encode(chunk, kind, &mut out);
        out
    }

    #[test]
    fn names_are_readable_and_odd_ones_escaped() {
        for (chunk, kind, name) in [
            ("user", Kind::Folder, "user"),
            ("7", Kind::Value, "7.larder"),
            ("größe 1", Kind::Value, "größe 1.larder"),
            ("", Kind::Folder, "%"),
            ("", Kind::Value, "%.larder"),
            (".", Kind::Folder, "%2E"),
            ("..", Kind::Folder, "%2E%2E"),
            ("...", Kind::Folder, "%2E.%2E"),
            (".git", Kind::Folder, "%2Egit"),
            ("a.", Kind::Folder, "a%2E"),
            ("a ", Kind::Folder, "a%20"),
            (" a", Kind::Folder, " a"),
            ("%", Kind::Folder, "%25"),
            ("%+", Kind::Folder, "%25+"),
            ("a:b\\c", Kind::Value, "a%3Ab%5Cc.larder"),
            ("CON", Kind::Folder, "%43ON"),
            ("nul.txt", Kind::Value, "%6Eul.txt.larder"),
            ("com¹", Kind::Folder, "%63om¹"),
            ("com10", Kind::Folder, "com10"),
            ("console", Kind::Folder, "console"),
            ("aux .x", Kind::Folder, "%61ux .x"),
            ("x.larder", Kind::Folder, "x%2Elarder"),
            ("x.larder", Kind::Value, "x%2Elarder.larder"),
            (".larder", Kind::Folder, "%2Elarder"),
        ] {
            assert_eq!(encoded(chunk, kind), name);
            assert_eq!(decode(name.as_bytes()), Some((chunk.into(), kind)), "{name}");
        }
    }

    #[test]
    fn names_that_no_chunk_has_are_foreign() {
        let long = "a".repeat(FULL);
        let longer = format!("{long}b%+");
        for name in [
            "",
            ".",
            "..",
            ".git",
            "a.",
            "a ",
            "con",
            "%2e",
            "a%",
            "a%4",
            "%41",
            "%C3%A9",
            "a/b",
            ".larder",
            "%+",
            "x.larder.larder",
            "a%+",
            "a:b",
            "%%",
            "%+.larder",
            long.as_str(),
            longer.as_str(),
        ] {
            assert_eq!(decode(name.as_bytes()), None, "{name}");
        }
        assert_eq!(decode(b"\xff"), None);
        assert_eq!(decode(b"%2E%FF"), None);
    }

    #[test]
    fn a_full_chunk_goes_on_whatever_follows() {
        let full = "a".repeat(FULL);
        for rest in ["", "/", "b", "/b"] {
            let key = format!("{full}{rest}");
            assert_eq!(cut(&key), (full.as_str(), Kind::Continued, rest));
        }
        let name = encoded(&full, Kind::Continued);
        assert_eq!(decode(name.as_bytes()), Some((full.as_str().into(), Kind::Continued)));
        // One character short of full, four bytes more: 240 at most.
        let wide = format!("{}\u{10ffff}", "a".repeat(FULL - 1));
        assert_eq!(cut(&wide).1, Kind::Continued);
        assert_eq!(encoded(&wide, Kind::Continued).len(), 242);
    }
}
