//! Keys that a store might mistake for something else.

use std::collections::HashSet;

use larder_store_core::Key;

use crate::rng::Rng;

/// Segments of paths that mean something to a file system, a shell or a store.
const SEGMENTS: &[&str] = &[
    "",
    ".",
    "..",
    "...",
    "....",
    "~",
    "~root",
    " ",
    "  ",
    "-",
    "--",
    "-rf",
    "*",
    "?",
    "$HOME",
    "`id`",
    "$(id)",
    ";",
    "&",
    "|",
    "%",
    "%%",
    "%2",
    "%2e",
    "%2E%2E",
    "%2e%2e%2f",
    "%00",
    "%c0%ae",
    "%ff",
    "%25",
    "%2525",
    "=",
    "@",
    "+",
    ",",
    "#",
    "!",
    "~1",
    ".larder",
    "a.larder",
    ".larder.larder",
    "x.larder~",
    "x.tmp",
    ".tmp",
    "tmp",
    ".lock",
    "lock",
    "lost+found",
    ".git",
    ".nfs0001",
    "CON",
    "con",
    "PRN",
    "AUX",
    "NUL",
    "nul.txt",
    "COM1",
    "LPT9",
    "CONIN$",
    "a.",
    "a ",
    "a:b",
    "C:",
    "C:\\x",
    "\\",
    "\\\\?\\",
    "<a>",
    "\"",
    "'",
    "data.mdb",
    "lock.mdb",
    "passwd",
    "etc",
    "dev",
    "null",
    "proc",
    "self",
    "a",
    "A",
    "b",
    "key",
    "Key",
    "KEY",
    "\u{e9}",
    "e\u{301}",
    "\u{202e}gpj",
    "\u{200f}",
    "\u{200b}",
    "\u{feff}",
    "\u{fffd}",
    "\u{fffe}",
    "\u{10ffff}",
    "\u{2028}",
    "\u{2044}",
    "\u{ff0f}",
    "\u{ff0e}\u{ff0e}",
    "\u{a0}",
    "\u{3000}",
    "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
    "\u{1f469}\u{200d}\u{1f52c}",
    "\u{130}",
    "\u{df}",
    "\u{3c2}",
    "\u{fb01}",
    "\u{1100}\u{1161}",
    "\u{ac00}",
];

/// Whole keys that must be among them.
const WHOLE: &[&str] = &[
    "/",
    "//",
    "///",
    ".",
    "..",
    "../",
    "/..",
    "../..",
    "../../../../../../../../etc/passwd",
    "/etc/passwd",
    "/dev/null",
    "a/../../b",
    "./a",
    "a/.",
    "a/..",
    "a//b",
    "a/",
    "a",
    "a/b",
    "a.larder",
    "a.larder/b",
    "a/.larder",
    ".larder",
    "%",
    "%2f",
    "%2F",
    "..%2f..",
    "..\\..",
    "C:\\Windows",
    "\\\\host\\share",
    "CON",
    "con/nul",
    " ",
    "\u{202e}",
    "\u{10ffff}",
];

/// Lengths of segments at which names of files end, or are split.
const LENGTHS: &[usize] =
    &[1, 2, 79, 80, 81, 119, 120, 121, 239, 240, 241, 254, 255, 256, 257, 479, 480, 481];

/// Distinct keys of at most `longest` bytes.
#[derive(Debug)]
pub struct Hostile {
    rng: Rng,
    longest: usize,
    /// Names that the store itself uses, as it turned out.
    own: Vec<String>,
    given: HashSet<Box<str>>,
    whole: std::slice::Iter<'static, &'static str>,
}

impl Hostile {
    /// Keys from a seed. `own` are names that the store uses for itself.
    pub fn new(seed: u64, longest: usize, own: Vec<String>) -> Hostile {
        Hostile { rng: Rng::new(seed), longest, own, given: HashSet::new(), whole: WHOLE.iter() }
    }

    /// One that was not given before.
    pub fn key(&mut self) -> Key {
        loop {
            let mut text = match self.whole.next() {
                Some(whole) => (*whole).to_owned(),
                None => self.text(),
            };
            cut(&mut text, self.longest);
            if self.given.contains(text.as_str()) {
                // Something that makes it another one, somewhere.
                let more = format!("{:x}", self.rng.word() >> self.rng.between(20, 50));
                cut(&mut text, self.longest.saturating_sub(more.len()));
                let at = self.rng.index(text.len() + 1);
                let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                text.insert_str(at, &more);
            }
            let Ok(key) = Key::new(text.as_str()) else { continue };
            if self.given.insert(text.into()) {
                return key;
            }
        }
    }

    /// Every key that was given, in order.
    pub fn given(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self.given.iter().map(|text| &**text).collect();
        keys.sort_unstable();
        keys
    }

    fn text(&mut self) -> String {
        match self.rng.below(10) {
            0 => self.climb(),
            1 => self.lengths(),
            2 => self.scramble(),
            _ => self.path(),
        }
    }

    /// Segments with slashes, some with something before or behind.
    fn path(&mut self) -> String {
        let n = self.rng.between(1, 5);
        let parts: Vec<String> = (0..n).map(|_| self.segment()).collect();
        parts.join("/")
    }

    fn segment(&mut self) -> String {
        let base = match self.own.is_empty() || !self.rng.one_in(12) {
            true => (*self.rng.pick(SEGMENTS)).to_owned(),
            false => self.rng.pick(&self.own).clone(),
        };
        match self.rng.below(6) {
            0 => base + *self.rng.pick(SEGMENTS),
            1 => format!("{base}.larder"),
            2 => format!("{base}{:x}", self.rng.below(4096)),
            _ => base,
        }
    }

    /// Upwards, and down to somewhere.
    fn climb(&mut self) -> String {
        let up = *self.rng.pick(&["../", "..//", "./../", "%2e%2e/", "..\\", "/../", "....//"]);
        let down = *self.rng.pick(&["etc/passwd", "outside", "x/../y", "tmp/escaped", "", "root"]);
        up.repeat(self.rng.between(1, 12) as usize) + down + &self.segment()
    }

    /// Segments of awkward lengths, in characters of one to four bytes.
    fn lengths(&mut self) -> String {
        let (chars, n) = (['a', '.', '%', ' ', '\u{e9}', '\u{4e00}', '\u{1f4a9}'], self.rng.between(1, 4));
        let parts: Vec<String> = (0..n)
            .map(|_| {
                let (c, len) = (*self.rng.pick(&chars), *self.rng.pick(LENGTHS));
                let mut text = c.to_string().repeat(len / c.len_utf8());
                text.push_str(&"x".repeat(len % c.len_utf8()));
                text
            })
            .collect();
        parts.join("/")
    }

    /// Any characters that are legal, dots and slashes often.
    fn scramble(&mut self) -> String {
        (0..self.rng.between(1, 40))
            .map(|_| match self.rng.below(4) {
                0 => *self.rng.pick(&['.', '/', '%', '\\', ' ', '~']),
                1 => char::from(self.rng.between(0x20, 0x7e) as u8),
                _ => char::from_u32(self.rng.below(0x11_0000) as u32)
                    .filter(|c| !c.is_control())
                    .unwrap_or('\u{e000}'),
            })
            .collect()
    }
}

/// Cuts at a character.
fn cut(text: &mut String, longest: usize) {
    let end = (0..=longest.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_distinct_legal_and_repeat() {
        let take = || {
            let mut hostile = Hostile::new(3, 480, vec![".larder-store".to_owned()]);
            (0..20_000).map(|_| hostile.key()).collect::<Vec<_>>()
        };
        let keys = take();
        assert_eq!(keys, take());
        let distinct: HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert!(keys.iter().all(|key| key.len() <= 480));
        for part in ["../", "%2e", "\u{202e}", ".larder", "CON", "//", ".larder-store"] {
            assert!(keys.iter().any(|key| key.as_str().contains(part)), "{part}");
        }
        assert!(keys.iter().filter(|key| key.as_str().split('/').any(|s| s == "..")).count() > 1000);
        assert!(keys.iter().any(|key| key.len() == 480));
    }
}
