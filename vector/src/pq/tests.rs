//! That every way of scanning gives the same answer, and that it is the right one.

use super::batch::Batch;
use super::table::Tables;
use super::*;
use crate::best::Best;

/// Values in a few clusters, as real ones are.
fn vectors(count: usize, dims: usize, seed: u64) -> Vec<f32> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let centers: Vec<f32> = (0..20 * dims).map(|_| rng.f32() - 0.5).collect();
    (0..count)
        .flat_map(|_| {
            let center = rng.usize(..20) * dims;
            (0..dims).map(|dim| centers[center + dim] + 0.3 * (rng.f32() - 0.5)).collect::<Vec<_>>()
        })
        .collect()
}

fn quick(seed: u64, width: usize) -> TrainOptions {
    TrainOptions { seed, width, sample: 2000, rounds: 1 }
}

/// The best by the sums of the quantised tables, one by one.
fn naive(codes: &[u8], tables: &Tables, keep: usize) -> Vec<(u32, u32)> {
    let mut all: Vec<(u32, u32)> = codes
        .chunks_exact(tables.bytes.len())
        .enumerate()
        .map(|(row, code)| {
            let sum = code.iter().zip(&tables.bytes).map(|(c, t)| u32::from(t.0[usize::from(*c)])).sum();
            (sum, row as u32)
        })
        .collect();
    all.sort_unstable();
    all.truncate(keep);
    all
}

#[test]
fn every_level_gives_the_same_answer() {
    println!("compared, as this processor has them: {:?}", Level::all());
    // An odd number of stretches, a last one that is cut, one row, whole blocks, more than a tile.
    for (dims, width, rows) in [(2, 8, 1), (24, 8, 64), (37, 8, 63), (40, 4, 1100), (100, 16, 2500)] {
        let base = vectors(rows.max(300), dims, 1);
        let queries = vectors(70, dims, 2);
        let book = Codebook::train(&base, dims, &quick(7, width));
        let raw = book.encode_at(Level::BASELINE, &base[..rows * dims]);
        let codes = Codes::new(&book, &raw);
        for level in Level::all() {
            assert!(
                book.encode_at(level, &base[..rows * dims]) == raw,
                "{level:?} encodes as the baseline does"
            );
            for metric in [Metric::L2, Metric::InnerProduct] {
                for keep in [0, 1, 10, 100] {
                    let mut wanted = Vec::new();
                    for query in queries.chunks_exact(dims) {
                        let tables = Tables::new(level, &book, metric, query);
                        let plain = Tables::new(Level::BASELINE, &book, metric, query);
                        assert_eq!(tables.scale, plain.scale);
                        let mut best = Best::new(keep);
                        scan::scan(level, (&codes).into(), &tables, &Rows::all(), 0, &mut best);
                        let found = best.into_sorted();
                        assert_eq!(
                            found,
                            naive(&raw, &plain, keep),
                            "{level:?}, {dims} dimensions, {rows} rows, {keep} kept"
                        );
                        wanted.push(found);
                    }
                    for (queries, wanted) in queries.chunks(33 * dims).zip(wanted.chunks(33)) {
                        let batch = Batch::new(level, &book, metric, queries);
                        let mut best: Vec<_> = wanted.iter().map(|_| Best::new(keep)).collect();
                        batch.scan(level, (&codes).into(), &Rows::all(), 0, &mut best);
                        let found: Vec<_> = best.into_iter().map(Best::into_sorted).collect();
                        assert_eq!(
                            found, wanted,
                            "{level:?}, {dims} dimensions, {rows} rows, {keep} kept, a batch"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn the_largest_sums_do_not_overflow() {
    // 4,096 dimensions in stretches of eight: as many as there can be. All entries but one are the largest.
    let (dims, subs) = (4096, 512);
    let mut centroids = vec![1f32; dims * CENTROIDS];
    for of_dim in centroids.chunks_exact_mut(CENTROIDS) {
        of_dim[0] = 0.0;
    }
    let book = Codebook::new(dims, 8, centroids);
    let query = vec![-1f32; dims];
    let mut raw = vec![255u8; 65 * subs];
    raw[64 * subs..].fill(0);
    let codes = Codes::new(&book, &raw);
    for level in Level::all() {
        let tables = Tables::new(level, &book, Metric::InnerProduct, &query);
        let mut best = Best::new(65);
        scan::scan(level, (&codes).into(), &tables, &Rows::all(), 0, &mut best);
        let found = best.into_sorted();
        assert_eq!((found[0], found[1], found[64]), ((0, 64), (127 * 512, 0), (127 * 512, 63)));
        let mut best = [Best::new(65)];
        Batch::new(level, &book, Metric::InnerProduct, &query).scan(
            level,
            (&codes).into(),
            &Rows::all(),
            0,
            &mut best,
        );
        assert_eq!(best[0].clone().into_sorted(), found);
    }
}

#[test]
fn training_is_the_same_for_the_same_seed() {
    let base = vectors(3000, 20, 3);
    let first = Codebook::train(&base, 20, &quick(1, 8));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let alone = pool.install(|| Codebook::train(&base, 20, &quick(1, 8)));
    assert!(first.centroids == alone.centroids);
    assert!(first.centroids != Codebook::train(&base, 20, &quick(2, 8)).centroids);
}

#[test]
fn distances_are_those_of_the_decoded() {
    let (dims, rows) = (30, 2000);
    let base = vectors(rows, dims, 4);
    let book = Codebook::train(&base, dims, &quick(1, 4));
    let raw = book.encode(&base);
    let decoded = book.decode(&raw);
    let apart: f32 = decoded.iter().zip(&base).map(|(x, y)| (x - y) * (x - y)).sum();
    let spread: f32 = base.iter().map(|x| x * x).sum();
    assert!(apart < 0.05 * spread, "{apart} of {spread}");
    let (codes, queries) = (Codes::new(&book, &raw), vectors(9, dims, 5));
    for metric in [Metric::L2, Metric::InnerProduct] {
        // One by one, and together.
        for queries in [&queries[..2 * dims], &queries] {
            let found = nearest(&book, &codes, metric, queries, 50);
            for (query, found) in queries.chunks_exact(dims).zip(found) {
                assert_eq!(found.len(), 50);
                let step = Tables::new(Level::best(), &book, metric, query).scale.step;
                for pair in found.windows(2) {
                    assert!(pair[0].distance <= pair[1].distance);
                }
                for hit in found {
                    let vector = &decoded[hit.row as usize * dims..][..dims];
                    let exact: f32 = match metric {
                        Metric::L2 => vector.iter().zip(query).map(|(x, y)| (x - y) * (x - y)).sum(),
                        _ => -vector.iter().zip(query).map(|(x, y)| x * y).sum::<f32>(),
                    };
                    // Half a step for each stretch, and what single precision adds.
                    let most = 0.5 * step * book.code_len() as f32 + 1e-4;
                    assert!((hit.distance - exact).abs() < most, "{} and {exact}", hit.distance);
                }
            }
        }
    }
}

#[test]
fn what_is_no_number_harms_nothing() {
    let (dims, rows) = (16, 300);
    let base = vectors(rows, dims, 6);
    let book = Codebook::train(&base, dims, &quick(1, 8));
    let codes = Codes::new(&book, &book.encode(&base));
    for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
        let _ = book.encode(&vec![odd; dims]);
        for together in [1, 10] {
            let found = nearest(&book, &codes, Metric::L2, &vec![odd; dims * together], 5);
            assert!(found.iter().all(|found| found.len() <= 5));
        }
        let mut trained = base.clone();
        trained[..dims].fill(odd);
        Codebook::train(&trained, dims, &quick(1, 8)).encode(&base);
    }
}

#[test]
fn more_is_asked_for_than_there_is() {
    let base = vectors(10, 3, 8);
    let book = Codebook::train(&base, 3, &quick(1, 8));
    assert_eq!(book.code_len(), 1);
    let found = nearest(&book, &Codes::new(&book, &book.encode(&base)), Metric::L2, &base, usize::MAX);
    // Ten vectors have a centroid each.
    assert!(found.iter().enumerate().all(|(row, found)| found.len() == 10 && found[0].row == row as u32));
    let values = crate::dense::Values::F32(&base);
    let found = crate::dense::nearest(Metric::L2, 3, values, &base, usize::MAX);
    assert!(found.iter().enumerate().all(|(row, found)| found.len() == 10 && found[0].row == row as u32));
}

#[test]
fn only_rows_that_are_allowed_are_found() {
    println!("compared, as this processor has them: {:?}", Level::all());
    let (dims, width) = (12, 4);
    let queries = vectors(70, dims, 2);
    let base = vectors(700, dims, 1);
    let book = Codebook::train(&base, dims, &quick(7, width));
    let mut rng = fastrand::Rng::with_seed(3);
    for rows in [0, 1, 63, 64, 65, 700] {
        let raw = book.encode(&base[..rows * dims]);
        let codes = Codes::new(&book, &raw);
        let blocks = rows.div_ceil(64) as u32;
        let mut masks: Vec<u64> = (0..blocks).map(|_| rng.u64(..) & rng.u64(..)).collect();
        masks.iter_mut().skip(1).step_by(3).for_each(|mask| *mask = 0);
        let ranges = [0..blocks / 3, blocks / 2..blocks];
        let of_masks = Rows::all().masked(&masks);
        for allowed in [Rows::all(), of_masks, Rows::all().within(&ranges), of_masks.within(&ranges)] {
            for level in Level::all() {
                let of = |query: &[f32]| {
                    let tables = Tables::new(level, &book, Metric::L2, query);
                    let mut all = naive(&raw, &tables, rows);
                    all.retain(|(_, row)| allowed.has(*row));
                    all.truncate(10);
                    let mut best = Best::new(10);
                    scan::scan(level, (&codes).into(), &tables, &allowed, 0, &mut best);
                    assert_eq!(best.into_sorted(), all, "{level:?} {rows}");
                    all
                };
                for queries in queries.chunks(64 * dims) {
                    let wanted: Vec<_> = queries.chunks_exact(dims).map(of).collect();
                    let mut best: Vec<_> = wanted.iter().map(|_| Best::new(10)).collect();
                    let batch = Batch::new(level, &book, Metric::L2, queries);
                    batch.scan(level, (&codes).into(), &allowed, 0, &mut best);
                    let found: Vec<_> = best.into_iter().map(Best::into_sorted).collect();
                    assert_eq!(found, wanted, "{level:?} {rows}, a batch");
                }
            }
            for queries in [&queries[..dims], &queries] {
                let found = nearest_of(&book, &codes, Metric::L2, queries, 10, &allowed);
                assert!(found.iter().flatten().all(|hit| allowed.has(hit.row) && (hit.row as usize) < rows));
            }
        }
    }
}

#[test]
fn codes_elsewhere_are_checked() {
    let base = vectors(70, 6, 1);
    let book = Codebook::train(&base, 6, &quick(7, 4));
    let codes = Codes::new(&book, &book.encode(&base));
    let bytes = codes.as_bytes();
    assert_eq!((bytes.len(), codes.rows()), (2 * 2 * 64, 70));
    let found = nearest(&book, &codes, Metric::L2, &base, 4);
    assert_eq!(nearest(&book, CodesRef::new(&book, 70, bytes).unwrap(), Metric::L2, &base, 4), found);
    assert!(CodesRef::new(&book, 64, bytes).is_err());
    assert!(CodesRef::new(&book, 129, bytes).is_err());
    assert!(CodesRef::new(&book, usize::MAX, bytes).is_err());
    assert!(CodesRef::new(&book, 0, &[]).is_ok());
    // As long as it must be, a byte too late.
    let long = [bytes, bytes].concat();
    let late = long.as_ptr().align_offset(64) + 1;
    assert!(CodesRef::new(&book, 70, &long[late..late + bytes.len()]).is_err());
}

#[test]
fn training_is_told_and_cancelled() {
    let base = vectors(3000, 20, 3);
    let seen = std::sync::Mutex::new(Vec::new());
    let told = |done: u64, total: u64| seen.lock().unwrap().push((done, total));
    let progress = Progress::new().telling(&told);
    let book = Codebook::train_with(&base, 20, &quick(1, 8), &progress).unwrap();
    assert!(book.centroids == Codebook::train(&base, 20, &quick(1, 8)).centroids);
    let all = std::mem::take(&mut *seen.lock().unwrap());
    let last = all.iter().map(|(done, _)| *done).max();
    assert!(all.len() > 3 && all.iter().all(|(_, total)| Some(*total) == last));
    let cancel = || seen.lock().unwrap().len() >= 2;
    let cancelled = Codebook::train_with(&base, 20, &quick(1, 8), &progress.cancelled_by(&cancel));
    assert_eq!(cancelled.err(), Some(Cancelled));
    assert!(seen.lock().unwrap().len() < all.len());
}
