//! A hint to the processor.

/// Cache lines that are worth it: what comes behind them the processor fetches by itself.
#[cfg(target_arch = "x86_64")]
const LINES: usize = 20;

/// Starts to bring the first bytes nearer, so that they are there when what comes before them has been looked at.
#[inline]
pub(crate) fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64).take(LINES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint without effect on memory, about an address within `bytes`.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}
