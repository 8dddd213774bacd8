//! Codes as they are scanned, in lines of the cache.

#![allow(unsafe_code, reason = "bytes are lines, and lines are bytes")]

/// A line of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u8; 64]);

/// The lines that bytes are, which must begin at a multiple of 64, and end at one.
pub(crate) fn lines_of(bytes: &[u8]) -> Option<&[Line]> {
    if bytes.is_empty() {
        return Some(&[]);
    }
    if !bytes.as_ptr().addr().is_multiple_of(64) || !bytes.len().is_multiple_of(64) {
        return None;
    }
    // SAFETY: a Line is 64 bytes of any value, with none between them; address and length were just checked, and the borrow is that of
    // the bytes.
    Some(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / 64) })
}

/// The bytes of lines.
pub(crate) fn bytes_of(lines: &[Line]) -> &[u8] {
    // SAFETY: a Line is 64 bytes, all of them initialised; the length is that of the slice, and so is the borrow.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), size_of_val(lines)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_at_their_place_are_taken() {
        let lines = [Line([1; 64]), Line([2; 64])];
        let bytes = bytes_of(&lines);
        assert_eq!(lines_of(bytes), Some(&lines[..]));
        assert_eq!(lines_of(&bytes[64..]), Some(&lines[1..]));
        assert_eq!(lines_of(&bytes[1..65]), None);
        assert_eq!(lines_of(&bytes[..65]), None);
        assert_eq!(lines_of(&bytes[3..3]), Some(&[][..]));
    }
}
