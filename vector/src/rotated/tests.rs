//! That every level gives the same answer, and that what is estimated is near what is.

use super::*;

fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| rng.f32() + rng.f32() + rng.f32() - 1.5).collect()
}

fn dot(x: &[f32], y: &[f32]) -> f64 {
    x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

const METRICS: [Metric; 3] = [Metric::L2, Metric::Cosine, Metric::InnerProduct];

#[test]
fn every_level_gives_the_same_answer() {
    println!("compared, as this processor has them: {:?}", Level::all());
    let shapes = (1..18).map(|dims| (dims, 130)).chain([(384, 65), (4096, 3)]);
    for (dims, most) in shapes {
        let (base, queries) = (random(most * dims, 1), random(70 * dims, 2));
        let codec = Codec::new(dims, 9);
        let raw = encode::encode(Level::BASELINE, &codec, &base);
        for level in Level::all() {
            assert!(encode::encode(level, &codec, &base) == raw, "{level:?} {dims}");
        }
        for rows in [0, 1, 63, 64, 65, 130] {
            let rows = rows.min(most);
            let codes = Codes::new(&codec, &raw[..rows * codec.code_len()]);
            let masks: Vec<u64> = (0..rows.div_ceil(64) as u64).map(|i| 0x9249_2492_4924_9249 >> i).collect();
            for (metric, allowed) in
                METRICS.map(|m| [(m, Rows::all()), (m, Rows::all().masked(&masks))]).concat()
            {
                for keep in [1, 10] {
                    let at = |level, queries| {
                        nearest_at(level, &codec, (&codes).into(), metric, queries, keep, &allowed)
                    };
                    let wanted = at(Level::BASELINE, &queries);
                    assert!(wanted.iter().flatten().all(|hit| allowed.has(hit.row)));
                    for level in Level::all() {
                        assert!(at(level, &queries) == wanted, "{level:?} {dims} {rows} {metric:?}");
                        // One by one, as together.
                        let alone: Vec<_> =
                            queries.chunks(dims).take(6).flat_map(|query| at(level, query)).collect();
                        assert!(alone == wanted[..6], "{level:?} {dims} {rows} {metric:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn distances_are_near_those_of_the_vectors_and_not_biased() {
    let (rows, count) = (500, 20);
    for dims in [24, 100, 384] {
        let (base, queries) = (random(rows * dims, 3), random(count * dims, 4));
        let codec = Codec::new(dims, 1);
        let codes = Codes::new(&codec, &codec.encode(&base));
        for metric in METRICS {
            let (mut sum, mut squares) = (0.0, 0.0);
            for (query, found) in queries.chunks(dims).zip(nearest(&codec, &codes, metric, &queries, rows)) {
                assert_eq!(found.len(), rows);
                assert!(found.windows(2).all(|pair| pair[0].distance <= pair[1].distance));
                for hit in found {
                    let vector = &base[hit.row as usize * dims..][..dims];
                    let (x, y, product) = (dot(vector, vector), dot(query, query), dot(vector, query));
                    let (exact, unit) = match metric {
                        Metric::L2 => (x + y - 2.0 * product, 2.0 * (x * y).sqrt()),
                        Metric::Cosine => (1.0 - product / (x * y).sqrt(), 1.0),
                        Metric::InnerProduct => (-product, (x * y).sqrt()),
                    };
                    let off = (f64::from(hit.distance) - exact) / unit;
                    sum += off;
                    squares += off * off;
                }
            }
            let all = (rows * count) as f64;
            // The root of 0.0095, what sixteen levels of a normal distribution differ by, over that of the dimensions.
            let wanted = 0.0975 / (dims as f64).sqrt();
            assert!((squares / all).sqrt() < 1.3 * wanted, "{metric:?} {dims} {}", (squares / all).sqrt());
            assert!((sum / all).abs() < 0.05 * wanted, "{metric:?} {dims} {}", sum / all);
        }
    }
}

#[test]
fn what_is_odd_harms_nothing() {
    for dims in [1, 2, 7, 384] {
        let codec = Codec::new(dims, 1);
        for odd in [0.0, 1e-38, 1e-30, 1e-15, 1e15, 1e30, f32::MAX] {
            let base = [vec![odd; 3 * dims], random(2 * dims, 5)].concat();
            let codes = Codes::new(&codec, &codec.encode(&base));
            for metric in METRICS {
                for hit in nearest(&codec, &codes, metric, &base, 9).iter().flatten() {
                    assert!(hit.row < 5 && hit.distance.is_finite());
                }
            }
        }
    }
    // Identical vectors are as far, and found in their order; a zero has the cosine 0.
    let codec = Codec::new(3, 1);
    let codes = Codes::new(&codec, &codec.encode(&[1.0, 2.0, 3.0].repeat(100)));
    let found = &nearest(&codec, &codes, Metric::L2, &[1.0, 2.0, 3.0], 70)[0];
    assert!(found.iter().enumerate().all(|(at, hit)| hit.row as usize == at && hit.distance.abs() < 0.5));
    let codes = Codes::new(&codec, &codec.encode(&[0.0; 3]));
    assert_eq!(nearest(&codec, &codes, Metric::Cosine, &[1.0; 3], 1)[0][0].distance, 1.0);
    assert_eq!(nearest(&codec, &codes, Metric::L2, &[1.0; 3], 1)[0][0].distance, 3.0);
}

#[test]
fn the_largest_sums_do_not_overflow() {
    let codec = Codec::new(MAX_DIMS, 1);
    let base: Vec<f32> = (0..2 * MAX_DIMS).map(|i| if i < MAX_DIMS { 1.0 } else { -1.0 }).collect();
    let codes = Codes::new(&codec, &codec.encode(&base));
    for level in Level::all() {
        let found = nearest_at(level, &codec, (&codes).into(), Metric::Cosine, &base, 2, &Rows::all());
        assert!(
            found[0][0].row == 0
                && found[0][0].distance.abs() < 0.01
                && (found[0][1].distance - 2.0).abs() < 0.01
        );
    }
}

#[test]
fn codes_elsewhere_are_checked() {
    let base = random(70 * 11, 6);
    let codec = Codec::new(11, 1);
    let codes = Codes::new(&codec, &codec.encode(&base));
    let bytes = codes.as_bytes();
    assert_eq!((bytes.len(), codes.rows()), (2 * 4 * 4 * 64, 70));
    let found = nearest(&codec, &codes, Metric::L2, &base, 4);
    assert_eq!(nearest(&codec, CodesRef::new(&codec, 70, bytes).unwrap(), Metric::L2, &base, 4), found);
    assert!(CodesRef::new(&codec, 64, bytes).is_err());
    assert!(CodesRef::new(&codec, 129, bytes).is_err());
    assert!(CodesRef::new(&codec, usize::MAX, bytes).is_err());
    assert!(CodesRef::new(&codec, 0, &[]).is_ok());
    // As long as it must be, a byte too late.
    let long = [bytes, bytes].concat();
    let late = long.as_ptr().align_offset(64) + 1;
    assert!(CodesRef::new(&codec, 70, &long[late..late + bytes.len()]).is_err());
}
