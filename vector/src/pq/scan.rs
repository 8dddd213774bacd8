//! One query over many codes.

#![allow(unsafe_code, reason = "vector instructions")]

use super::codes::{BLOCK, CodesRef};
use super::table::{Table, Tables};
use crate::Rows;
use crate::best::Best;
use crate::lines::Line;
use crate::simd::{Level, Set};

/// Offers those `rows` of `codes`, the first of which is number `first`, to `best`, each with the sum of its entries in the quantised tables.
pub(super) fn scan(
    level: Level,
    codes: CodesRef<'_>,
    tables: &Tables,
    rows: &Rows<'_>,
    first: u32,
    best: &mut Best,
) {
    assert_eq!(tables.bytes.len(), codes.subs(), "tables and codes of one codebook");
    let mut sums = [0u16; BLOCK];
    rows.each(codes.rows(), |block, mask| {
        let bytes = codes.block(block);
        let limit = best.limit().min(u32::from(u16::MAX)) as u16;
        let under = match level.set() {
            Set::Baseline => plain(bytes, &tables.bytes, limit, &mut sums),
            // SAFETY: there is a Level of this set only where the processor has its instructions; the lengths were compared.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { x86::avx2(bytes, &tables.bytes, limit, &mut sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { x86::avx512(bytes, &tables.bytes, limit, &mut sums) },
        };
        let mut under = under & mask;
        while under != 0 {
            let row = under.trailing_zeros();
            under &= under - 1;
            let score = u32::from(sums[row as usize]);
            if score < best.limit() {
                best.offer(score, first + (block * BLOCK) as u32 + row);
            }
        }
    });
}

/// Sums the entries of 64 rows; gives which are below the limit.
fn plain(codes: &[Line], tables: &[Table], limit: u16, sums: &mut [u16; BLOCK]) -> u64 {
    *sums = [0; BLOCK];
    for (codes, table) in codes.iter().zip(tables) {
        for (sum, code) in sums.iter_mut().zip(&codes.0) {
            *sum += u16::from(table.0[usize::from(*code)]);
        }
    }
    below(sums, limit)
}

fn below(sums: &[u16; BLOCK], limit: u16) -> u64 {
    sums.iter().enumerate().fold(0, |under, (row, sum)| under | u64::from(*sum < limit) << row)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, Line, Table};

    /// As [`super::plain`]. Lookups in 256 bytes are two in 128 each, of which the highest bit chooses.
    ///
    /// # Safety
    /// The processor has AVX-512 BW and VBMI; there are as many tables of 256 bytes as lines.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub(super) unsafe fn avx512(
        codes: &[Line],
        tables: &[Table],
        limit: u16,
        sums: &mut [u16; BLOCK],
    ) -> u64 {
        let subs = codes.len();
        let low_bytes = _mm512_set1_epi16(0xff);
        let (mut even, mut odd) = (_mm512_setzero_si512(), _mm512_setzero_si512());
        let lookup = |sub: usize| {
            // The same line of the next block: those of a large segment come from memory, and nothing but this asks for them in time.
            _mm_prefetch::<_MM_HINT_T0>(codes.as_ptr().wrapping_add(sub + subs).cast());
            // SAFETY: `sub` is less than `subs`, for which there are a line and a table of 256 bytes.
            unsafe {
                let code = _mm512_loadu_si512(codes.as_ptr().add(sub).cast());
                let table = tables.as_ptr().add(sub).cast::<u8>();
                let low = _mm512_permutex2var_epi8(
                    _mm512_loadu_si512(table.cast()),
                    code,
                    _mm512_loadu_si512(table.add(64).cast()),
                );
                let high = _mm512_permutex2var_epi8(
                    _mm512_loadu_si512(table.add(128).cast()),
                    code,
                    _mm512_loadu_si512(table.add(192).cast()),
                );
                _mm512_mask_blend_epi8(_mm512_movepi8_mask(code), low, high)
            }
        };
        let mut sub = 0;
        while sub + 1 < subs {
            // Two entries of at most 127 fit in a byte.
            let both = _mm512_add_epi8(lookup(sub), lookup(sub + 1));
            even = _mm512_add_epi16(even, _mm512_and_si512(both, low_bytes));
            odd = _mm512_add_epi16(odd, _mm512_srli_epi16::<8>(both));
            sub += 2;
        }
        if sub < subs {
            let one = lookup(sub);
            even = _mm512_add_epi16(even, _mm512_and_si512(one, low_bytes));
            odd = _mm512_add_epi16(odd, _mm512_srli_epi16::<8>(one));
        }
        let limits = _mm512_set1_epi16(limit as i16);
        let under_even = _mm512_cmplt_epu16_mask(even, limits);
        let under_odd = _mm512_cmplt_epu16_mask(odd, limits);
        if under_even | under_odd == 0 {
            return 0;
        }
        // Rows in their order again: the first 32 are in the lower halves of each 128 bits.
        let (low, high) = (_mm512_unpacklo_epi16(even, odd), _mm512_unpackhi_epi16(even, odd));
        let first = _mm512_permutex2var_epi64(low, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), high);
        let second = _mm512_permutex2var_epi64(low, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), high);
        // SAFETY: there are 64 sums of two bytes.
        unsafe {
            _mm512_storeu_si512(sums.as_mut_ptr().cast(), first);
            _mm512_storeu_si512(sums.as_mut_ptr().add(32).cast(), second);
        }
        u64::from(_mm512_cmplt_epu16_mask(first, limits))
            | u64::from(_mm512_cmplt_epu16_mask(second, limits)) << 32
    }

    /// As [`super::plain`]. A lookup in 256 bytes is sixteen in 16 each; those of another sixteenth give zero.
    ///
    /// # Safety
    /// The processor has AVX2; there are as many tables of 256 bytes as lines.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn avx2(codes: &[Line], tables: &[Table], limit: u16, sums: &mut [u16; BLOCK]) -> u64 {
        let subs = codes.len();
        let (low_bytes, zero) = (_mm256_set1_epi16(0xff), _mm256_setzero_si256());
        for half in 0..2 {
            let (mut even, mut odd) = (zero, zero);
            for sub in 0..subs {
                // SAFETY: `sub` is less than `subs`, for which there are a line and a table of 256 bytes.
                let (code, table) = unsafe {
                    let code = _mm256_loadu_si256(codes.as_ptr().add(sub).cast::<__m256i>().add(half));
                    (code, tables.as_ptr().add(sub).cast::<u8>())
                };
                let mut found = zero;
                for sixteenth in 0..16 {
                    // SAFETY: 16 bytes of the table's 256.
                    let part = unsafe { _mm_loadu_si128(table.add(sixteenth * 16).cast()) };
                    let part = _mm256_broadcastsi128_si256(part);
                    // Bit 7 is set unless the upper half of the code is this sixteenth.
                    let at = _mm256_xor_si256(code, _mm256_set1_epi8((sixteenth << 4) as i8));
                    let at = _mm256_adds_epu8(at, _mm256_set1_epi8(0x70));
                    found = _mm256_or_si256(found, _mm256_shuffle_epi8(part, at));
                }
                even = _mm256_add_epi16(even, _mm256_and_si256(found, low_bytes));
                odd = _mm256_add_epi16(odd, _mm256_srli_epi16::<8>(found));
            }
            let (low, high) = (_mm256_unpacklo_epi16(even, odd), _mm256_unpackhi_epi16(even, odd));
            // SAFETY: 32 of the 64 sums.
            unsafe {
                let at = sums.as_mut_ptr().add(half * 32);
                _mm256_storeu_si256(at.cast(), _mm256_permute2x128_si256::<0x20>(low, high));
                _mm256_storeu_si256(at.add(16).cast(), _mm256_permute2x128_si256::<0x31>(low, high));
            }
        }
        super::below(sums, limit)
    }
}
