//! What S3 says about names.

/// Whether a key's `..` elements never lead above its bucket. S3 answers 400 where they do, at any point of the key.
pub(super) fn stays_inside(key: &str) -> bool {
    let mut depth = 0_i32;
    for element in key.split('/') {
        match element {
            ".." => depth -= 1,
            "." | "" => {}
            _ => depth += 1,
        }
        if depth < 0 {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_count() {
        for key in ["a", "a/..", "a/../b", "a/b/../../c", "..a", "a..", "...", "./a", "a//b"] {
            assert!(stays_inside(key), "{key}");
        }
        for key in ["..", "../a", "a/../..", "a/../../b", "./..", "//../a"] {
            assert!(!stays_inside(key), "{key}");
        }
    }
}
