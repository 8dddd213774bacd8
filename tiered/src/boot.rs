//! Which boot of the machine this is.

use std::sync::OnceLock;

/// Its id; zeros where that is not told.
pub(crate) fn boot_id() -> [u64; 2] {
    static ID: OnceLock<[u64; 2]> = OnceLock::new();
    *ID.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let half = |range| digits.get(range).and_then(|d: &str| u64::from_str_radix(d, 16).ok()).unwrap_or(0);
        [half(0..16), half(16..32)]
    })
}

/// The same in one number; 0 where it is not told.
pub(crate) fn boot_number() -> u64 {
    let [a, b] = boot_id();
    a ^ b.rotate_left(1)
}
