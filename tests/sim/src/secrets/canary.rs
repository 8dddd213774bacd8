//! Secrets that can be found again, even a piece of one.

/// A secret of letters that no word, path or hexadecimal number has. `n` is below 26.
pub(super) fn canary(n: usize) -> String {
    // Letters past `f`, none twice in a row, and the last ones say which canary it is.
    let letters: Vec<char> = "zqxjvkwypz".chars().collect();
    let mark = char::from(b'A' + n as u8);
    let body: String = (0..20).map(|i| letters[(i * 3 + n * 7 + i * i) % letters.len()]).collect();
    format!("{mark}{body}{mark}")
}

/// How many letters of a canary in a row are too many.
const PIECE: usize = 6;

/// Canaries of which a piece is in `text`, with the line.
pub(super) fn leaks(text: &str, canaries: &[String]) -> Vec<String> {
    let mut leaks = Vec::new();
    for line in text.lines() {
        for canary in canaries {
            let pieces = (0..=canary.len() - PIECE).map(|at| &canary[at..at + PIECE]);
            if pieces.into_iter().any(|piece| line.contains(piece)) {
                leaks.push(format!("{canary} in: {line}"));
                break;
            }
        }
    }
    leaks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_found_and_nothing_else() {
        let canaries: Vec<String> = (0..26).map(canary).collect();
        for (n, canary) in canaries.iter().enumerate() {
            assert_eq!(canary.len(), 22);
            assert!(canaries[..n].iter().all(|other| other != canary));
            assert_eq!(leaks(&format!("a {} b", &canary[8..15]), &canaries).len(), 1);
        }
        let harmless = "open on file:/tmp/x: invalid: 0123456789abcdef (known: region, token)";
        assert!(leaks(harmless, &canaries).is_empty());
    }
}
