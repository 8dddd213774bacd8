//! Queries over codes: levels are looked up once for some queries, and multiplied in whole numbers.

#![allow(unsafe_code, reason = "vector instructions")]

use super::Codec;
use super::codes::{CodesRef, LINE_DIMS, LINE_ROWS, LINES};
use super::encode::STEPS;
use crate::best::{Best, order_of, score_of};
use crate::lines::Line;
use crate::rows::BLOCK;
use crate::simd::{Level, Set, versions};
use crate::{Metric, Rows};

/// Queries that go over the codes together.
pub(super) const QUERIES: usize = 64;
/// Queries that are in registers together.
const TOGETHER: usize = 4;

/// For each of 64 rows, the sum of the products of steps and a query.
type Sums = [i32; BLOCK];

/// A query, rotated and rounded to whole numbers from -127 to 127.
#[derive(Debug, Clone)]
pub(super) struct Query {
    /// For each eight dimensions, four values in each number, the first in its lowest byte.
    words: Vec<[i32; 2]>,
    /// What a value stands for.
    step: f32,
    /// What the levels have too much of the product: their steps are counted from the lowest.
    above: i32,
}

impl Query {
    pub(super) fn new(level: Level, codec: &Codec, query: &[f32]) -> Query {
        let mut rotated = query.to_vec();
        codec.rotation.apply(level, &mut rotated);
        let most = rotated.iter().fold(0f32, |most, x| most.max(x.abs()));
        let (step, times) = if most > 0.0 { (most / 127.0, 127.0 / most) } else { (0.0, 0.0) };
        let mut words = vec![[0; 2]; codec.dims.div_ceil(LINE_DIMS)];
        let mut sum = 0;
        for (dims, word) in rotated.chunks(4).zip(words.as_flattened_mut()) {
            let mut bytes = [0; 4];
            for (byte, x) in bytes.iter_mut().zip(dims) {
                // Rounded: there is no room for a fraction.
                let value = (x * times + 12_582_912.0) - 12_582_912.0;
                *byte = value as i8 as u8;
                sum += i32::from(value as i8);
            }
            *word = i32::from_le_bytes(bytes);
        }
        Query { words, step, above: 127 * sum }
    }
}

/// Offers those `rows` of `codes` to the best of each query.
pub(super) fn scan(
    level: Level,
    codes: CodesRef<'_>,
    metric: Metric,
    queries: &[Query],
    rows: &Rows<'_>,
    best: &mut [Best],
) {
    assert!(
        queries.iter().all(|query| query.words.len() == codes.dims().div_ceil(LINE_DIMS)),
        "queries and codes of one codec"
    );
    assert_eq!(best.len(), queries.len(), "as many answers as queries");
    let mut sums = [[0; BLOCK]; TOGETHER];
    let mut scores = [0f32; BLOCK];
    rows.each(codes.rows(), |block, mask| {
        let (lines, factors, squares) = codes.block(block);
        let rests = of_metric(level, factors, squares, metric);
        for (queries, best) in queries.chunks(TOGETHER).zip(best.chunks_mut(TOGETHER)) {
            match <&[Query; TOGETHER]>::try_from(queries) {
                Ok(queries) => {
                    multiply(level, lines, queries.each_ref().map(|query| &query.words[..]), &mut sums)
                }
                Err(_) => {
                    for (query, sums) in queries.iter().zip(&mut sums) {
                        multiply(level, lines, [&query.words[..]], std::array::from_mut(sums));
                    }
                }
            }
            for ((query, best), sums) in queries.iter().zip(best).zip(&sums) {
                let limit = score_of(best.limit());
                let mut under = below(level, sums, &rests, query, limit, &mut scores) & mask;
                while under != 0 {
                    let row = under.trailing_zeros();
                    under &= under - 1;
                    let order = order_of(scores[row as usize]);
                    if order < best.limit() {
                        best.offer(order, (block * BLOCK) as u32 + row);
                    }
                }
            }
        }
    });
}

/// For each row of a block, what makes a sum a score: `base - slope * sum`, in steps of the query.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Rests {
    slopes: [f32; BLOCK],
    bases: [f32; BLOCK],
}

versions! {
    fn of_metric(factors: &[Line; LINES], squares: &[Line; LINES], metric: Metric) -> Rests {
        let mut rests = Rests { slopes: [0.0; BLOCK], bases: [0.0; BLOCK] };
        let numbers = |lines: &[Line; LINES], numbers: &mut [f32; BLOCK]| {
            for (line, numbers) in lines.iter().zip(numbers.as_chunks_mut::<LINE_ROWS>().0) {
                for (number, bytes) in numbers.iter_mut().zip(line.0.as_chunks().0) {
                    *number = f32::from_le_bytes(*bytes);
                }
            }
        };
        numbers(factors, &mut rests.slopes);
        numbers(squares, &mut rests.bases);
        for (slope, base) in rests.slopes.iter_mut().zip(&mut rests.bases) {
            match metric {
                Metric::L2 => *slope *= 2.0,
                Metric::InnerProduct => *base = 0.0,
                Metric::Cosine => {
                    *slope = if *base > 0.0 { *slope / base.sqrt() } else { 0.0 };
                    *base = 0.0;
                }
            }
        }
        rests
    }
}

versions! {
    /// Turns sums into scores; gives those below the limit.
    fn below(sums: &Sums, rests: &Rests, query: &Query, limit: f32, scores: &mut [f32; BLOCK]) -> u64 {
        let (step, above) = (query.step, query.above);
        let mut any = 0u32;
        for (((score, sum), slope), base) in scores.iter_mut().zip(sums).zip(&rests.slopes).zip(&rests.bases) {
            *score = base - (2 * sum - above) as f32 * step * slope;
            any |= u32::from(*score < limit);
        }
        if any == 0 {
            return 0;
        }
        scores.iter().enumerate().fold(0, |under, (row, score)| under | u64::from(*score < limit) << row)
    }
}

/// The sums of a block, for each query.
fn multiply<const Q: usize>(level: Level, lines: &[Line], words: [&[[i32; 2]]; Q], sums: &mut [Sums; Q]) {
    match level.set() {
        Set::Baseline => plain(lines, words, sums),
        // SAFETY: there is a Level of this set only where the processor has its instructions.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => unsafe { x86::avx2(lines, words, sums) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => unsafe { x86::avx512(lines, words, sums) },
    }
}

fn plain<const Q: usize>(lines: &[Line], words: [&[[i32; 2]]; Q], sums: &mut [Sums; Q]) {
    for (words, sums) in words.into_iter().zip(sums) {
        *sums = [0; BLOCK];
        for (lines, [low, high]) in lines.chunks_exact(LINES).zip(words) {
            for (line, sums) in lines.iter().zip(sums.chunks_exact_mut(LINE_ROWS)) {
                for (bytes, sum) in line.0.as_chunks::<4>().0.iter().zip(sums) {
                    for ((byte, low), high) in bytes.iter().zip(low.to_le_bytes()).zip(high.to_le_bytes()) {
                        *sum += i32::from(STEPS[usize::from(byte & 15)]) * i32::from(low as i8)
                            + i32::from(STEPS[usize::from(byte >> 4)]) * i32::from(high as i8);
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{LINE_ROWS, LINES, Line, STEPS, Sums};

    /// As [`super::plain`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn avx512<const Q: usize>(lines: &[Line], words: [&[[i32; 2]]; Q], sums: &mut [Sums; Q]) {
        // SAFETY: there are 16 steps.
        let steps = _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(STEPS.as_ptr().cast()) });
        let halves = _mm512_set1_epi8(15);
        let mut totals = [[_mm512_setzero_si512(); LINES]; Q];
        let (lines, _) = lines.as_chunks::<LINES>();
        let words = words.map(|words| &words[..lines.len()]);
        for (group, lines) in lines.iter().enumerate() {
            for at in 0..LINES {
                // SAFETY: a line has 64 bytes.
                let line = unsafe { _mm512_loadu_si512(lines[at].0.as_ptr().cast()) };
                let low = _mm512_shuffle_epi8(steps, _mm512_and_si512(line, halves));
                let high = _mm512_shuffle_epi8(steps, _mm512_and_si512(_mm512_srli_epi16::<4>(line), halves));
                for q in 0..Q {
                    let [first, last] = words[q][group];
                    let (first, last) = (_mm512_set1_epi32(first), _mm512_set1_epi32(last));
                    let total = _mm512_dpbusd_epi32(totals[q][at], low, first);
                    totals[q][at] = _mm512_dpbusd_epi32(total, high, last);
                }
            }
        }
        for (sums, totals) in sums.iter_mut().zip(totals) {
            for (sums, total) in sums.as_chunks_mut::<LINE_ROWS>().0.iter_mut().zip(totals) {
                // SAFETY: there are sixteen sums.
                unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast(), total) };
            }
        }
    }

    /// As [`super::plain`]. Two products of at most 127 * 127 fit in two bytes.
    #[target_feature(enable = "avx2")]
    pub(super) fn avx2<const Q: usize>(lines: &[Line], words: [&[[i32; 2]]; Q], sums: &mut [Sums; Q]) {
        // SAFETY: there are 16 steps.
        let steps = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(STEPS.as_ptr().cast()) });
        let (halves, ones) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1));
        let (lines, _) = lines.as_chunks::<LINES>();
        let words = words.map(|words| &words[..lines.len()]);
        for half in 0..2 * LINES {
            let mut totals = [_mm256_setzero_si256(); Q];
            for (group, lines) in lines.iter().enumerate() {
                let bytes = &lines[half / 2].0.as_chunks::<32>().0[half % 2];
                // SAFETY: these are 32 bytes.
                let line = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
                let low = _mm256_shuffle_epi8(steps, _mm256_and_si256(line, halves));
                let high = _mm256_shuffle_epi8(steps, _mm256_and_si256(_mm256_srli_epi16::<4>(line), halves));
                for q in 0..Q {
                    let [first, last] = words[q][group];
                    let (first, last) = (_mm256_set1_epi32(first), _mm256_set1_epi32(last));
                    let first = _mm256_madd_epi16(_mm256_maddubs_epi16(low, first), ones);
                    let last = _mm256_madd_epi16(_mm256_maddubs_epi16(high, last), ones);
                    totals[q] = _mm256_add_epi32(totals[q], _mm256_add_epi32(first, last));
                }
            }
            for (sums, total) in sums.iter_mut().zip(totals) {
                let sums = &mut sums.as_chunks_mut::<8>().0[half];
                // SAFETY: there are eight sums.
                unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), total) };
            }
        }
    }
}
