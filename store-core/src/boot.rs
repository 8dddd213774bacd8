//! Which boot of the machine this is: what is kept in memory, or is not synced, ends with it.

use std::sync::OnceLock;

/// The id that the kernel draws at each start (`/proc/sys/kernel/random/boot_id`), as two words; zeros where it is not
/// told. It is read once in a process.
///
/// ```
/// use larder_store_core::boot::boot_id;
/// assert_eq!(boot_id(), boot_id());
/// ```
pub fn boot_id() -> [u64; 2] {
    static ID: OnceLock<[u64; 2]> = OnceLock::new();
    *ID.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let half = |range| digits.get(range).and_then(|d: &str| u64::from_str_radix(d, 16).ok()).unwrap_or(0);
        [half(0..16), half(16..32)]
    })
}
