//! Text from a store, made harmless for a terminal and for whoever reads line by line.

/// The text with everything escaped that a terminal would not show as it is: control characters, what changes the
/// direction of text, what has no width. A backslash is two, so that nothing is ambiguous.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (n, piece) in text.split('"').enumerate() {
        if n > 0 {
            shown.push('"');
        }
        for (n, piece) in piece.split('\'').enumerate() {
            if n > 0 {
                shown.push('\'');
            }
            shown.extend(piece.escape_debug());
        }
    }
    shown
}

/// A line that the command itself made: its backslashes are its own.
pub(crate) fn shown_line(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    for c in line.chars() {
        match is_harmful(c) {
            true => shown.extend(c.escape_debug()),
            false => shown.push(c),
        }
    }
    shown
}

/// JSON with the same characters as `\u…`, which is the same JSON.
pub(crate) fn shown_json(text: &str) -> String {
    if !text.chars().any(is_harmful) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_harmful(c) {
            // Only strings hold them.
            true => {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| shown.push_str(&format!("\\u{unit:04x}")))
            }
            false => shown.push(c),
        }
    }
    shown
}

/// Whether a terminal would do something with it instead of showing it.
fn is_harmful(c: char) -> bool {
    c.is_control() || (!c.is_ascii() && matches!(c.escape_debug().next(), Some('\\')) && !is_mark(c))
}

/// Accents and the like, which `escape_debug` escapes where they stand alone.
fn is_mark(c: char) -> bool {
    // A letter before it: then only what cannot be printed is escaped.
    format!("a{c}").escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_harm_is_escaped_and_nothing_else() {
        for (text, expected) in [
            ("user/7", "user/7"),
            ("it's \"so\"", "it's \"so\""),
            ("é, e\u{301}, 中文, 🦀", "é, e\u{301}, 中文, 🦀"),
            ("a\nb\u{1b}[2J", "a\\nb\\u{1b}[2J"),
            ("a\\b", "a\\\\b"),
            ("\u{202e}gpj", "\\u{202e}gpj"),
            ("\u{2028}\u{200b}\u{feff}\u{9b}", "\\u{2028}\\u{200b}\\u{feff}\\u{9b}"),
        ] {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(shown_line("a \"b\\\\\" é\u{9b}\u{202e}"), "a \"b\\\\\" é\\u{9b}\\u{202e}");
    }

    #[test]
    fn json_stays_the_same_json() {
        for text in ["a\u{202e}b\u{9b}c", "é\u{301} 🦀 \u{e0041}", "\u{1b}\n\"\\"] {
            let json = shown_json(&serde_json::to_string(text).unwrap());
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            assert!(!json.contains(['\u{202e}', '\u{9b}', '\u{e0041}', '\u{1b}']), "{json}");
        }
    }
}
