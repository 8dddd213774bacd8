//! That cells are the right ones, and no fuller than they may be.

use super::*;
use crate::simd::Level;

fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| rng.f32() - 0.5).collect()
}

fn apart(x: &[f32], y: &[f32]) -> f64 {
    x.iter().zip(y).map(|(x, y)| f64::from(x - y).powi(2)).sum()
}

fn few(cells: usize, seed: u64) -> CellOptions {
    CellOptions { cells, seed, sample: 2000, rounds: 2 }
}

#[test]
fn every_level_assigns_to_what_is_nearest() {
    println!("compared, as this processor has them: {:?}", Level::all());
    let shapes = [(1, 3), (2, 1), (3, 31), (7, 32), (8, 33), (17, 64), (384, 65), (4096, 5)];
    for ((dims, cells), rows) in shapes.into_iter().zip([0, 1, 7, 8, 63, 64, 65, 9]) {
        let (centroids, vectors) = (random(cells * dims, 1), random(rows * dims, 2));
        let turned = Turned::new(dims, &centroids);
        for level in Level::all() {
            let mut found = vec![0; rows];
            assign::assign(level, &turned, &vectors, &mut found);
            for (cell, vector) in found.iter().zip(vectors.chunks_exact(dims)) {
                let of = |cell: usize| apart(&centroids[cell * dims..][..dims], vector);
                let least = (0..cells).map(of).fold(f64::MAX, f64::min);
                assert!(of(*cell as usize) <= least + 1e-5 * dims as f64, "{level:?} {dims} {cells}");
            }
        }
    }
}

#[test]
fn nearest_cells_are_those_of_the_metric() {
    for (dims, count) in [(1, 1), (2, 5), (17, 40), (384, 100)] {
        let (centroids, queries) = (random(count * dims, 3), random(11 * dims, 4));
        for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
            let cells = Cells::new(centroids.clone(), dims, metric);
            let together = cells.nearest_cells_of(&queries, 7);
            for (query, together) in queries.chunks_exact(dims).zip(together) {
                let length = query.iter().map(|x| x * x).sum::<f32>().sqrt();
                let unit: Vec<f32> = query.iter().map(|x| x / length).collect();
                let of = |cell: usize| {
                    let centroid = &centroids[cell * dims..][..dims];
                    match metric {
                        Metric::L2 => apart(query, centroid),
                        Metric::Cosine => apart(&unit, centroid),
                        Metric::InnerProduct => {
                            -query.iter().zip(centroid).map(|(x, y)| f64::from(x * y)).sum::<f64>()
                        }
                    }
                };
                let mut wanted: Vec<f64> = (0..count).map(of).collect();
                wanted.sort_by(f64::total_cmp);
                for found in [together, cells.nearest_cells(query, 7)] {
                    assert_eq!(found.len(), count.min(7));
                    for ((cell, distance), wanted) in found.into_iter().zip(&wanted) {
                        assert!((f64::from(distance) - wanted).abs() < 1e-4);
                        assert!((of(cell as usize) - wanted).abs() < 1e-4);
                    }
                }
            }
            assert!(cells.nearest_cells(&queries[..dims], 0).is_empty());
            assert_eq!(cells.nearest_cells(&vec![0.0; dims], usize::MAX).len(), count);
            assert!(cells.nearest_cells_of(&[], 1).is_empty());
        }
    }
}

#[test]
fn training_is_the_same_for_the_same_seed() {
    let vectors = random(3000 * 9, 5);
    let train = |seed| Cells::train(&vectors, 9, Metric::L2, &few(40, seed), &Progress::new()).unwrap();
    let first = train(1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let alone = pool.install(|| train(1));
    assert!(first.centroids() == alone.centroids() && first.count() == 40);
    assert!(first.centroids() != train(2).centroids());
    assert!(first.assign(&vectors) == pool.install(|| alone.assign(&vectors)));
    assert!(first.assign_balanced(&vectors, 75) == pool.install(|| alone.assign_balanced(&vectors, 75)));
    let spread = |cells: &Cells| {
        let of = cells.assign(&vectors);
        let each = of.iter().zip(vectors.chunks_exact(9));
        each.map(|(cell, x)| apart(&cells.centroids()[*cell as usize * 9..][..9], x)).sum::<f64>()
    };
    let untrained = Cells::new(vectors[..40 * 9].to_vec(), 9, Metric::L2);
    assert!(spread(&first) < 0.85 * spread(&untrained), "{} {}", spread(&first), spread(&untrained));
}

#[test]
fn heaps_are_found() {
    // Twenty heaps, far from each other.
    let mut rng = fastrand::Rng::with_seed(6);
    let vectors: Vec<f32> =
        (0..4000).flat_map(|i| [(i % 20) as f32 * 100.0 + rng.f32(), rng.f32()]).collect();
    let cells = Cells::train(&vectors, 2, Metric::L2, &few(40, 1), &Progress::new()).unwrap();
    for (cell, vector) in cells.assign(&vectors).into_iter().zip(vectors.chunks_exact(2)) {
        assert!(apart(&cells.centroids()[cell as usize * 2..][..2], vector) < 10.0);
    }
}

#[test]
fn no_cell_is_too_full() {
    let odd = [vec![0.0; 500 * 3], vec![1e30; 500 * 3], vec![1e-30; 500 * 3], random(500 * 3, 7), Vec::new()];
    for vectors in odd {
        let rows = vectors.len() / 3;
        let centroids = random(30 * 3, 8);
        let cells = Cells::new(centroids.clone(), 3, Metric::L2);
        for most in [17, 20, 500] {
            let found = cells.assign_balanced(&vectors, most);
            let mut counts = [0; 30];
            for cell in &found {
                counts[*cell as usize] += 1;
            }
            assert!(found.len() == rows && counts.iter().all(|count| *count <= most));
        }
        if vectors.first().is_none_or(|x| *x < 1e20) {
            assert_eq!(cells.assign_balanced(&vectors, 500), cells.assign(&vectors));
        }
    }
    let cells = Cells::new(random(30 * 3, 8), 3, Metric::L2);
    let vectors = random(500 * 3, 9);
    let loss = |found: &[u32]| {
        let each = found.iter().zip(vectors.chunks_exact(3));
        each.map(|(cell, x)| apart(&cells.centroids()[*cell as usize * 3..][..3], x)).sum::<f64>()
    };
    let any: Vec<u32> = (0..500).map(|row| row % 30).collect();
    assert!(loss(&cells.assign_balanced(&vectors, 20)) < 0.6 * loss(&any));
}

#[test]
#[should_panic(expected = "500 vectors in 30 cells of 16")]
fn more_than_there_is_room_for_is_refused() {
    Cells::new(random(30, 8), 1, Metric::L2).assign_balanced(&random(500, 9), 16);
}

#[test]
fn what_is_odd_is_trained_on() {
    for vectors in [vec![0.0; 100 * 4], vec![1e30; 100 * 4], vec![1e-30; 100 * 4], vec![0.5; 4]] {
        let cells = Cells::train(&vectors, 4, Metric::Cosine, &few(8, 1), &Progress::new()).unwrap();
        assert_eq!(cells.count(), 8.min(vectors.len() / 4));
        assert!(cells.assign(&vectors).iter().all(|cell| (*cell as usize) < cells.count()));
    }
}

#[test]
fn it_is_told_and_cancelled() {
    let last = std::sync::Mutex::new((0, 1));
    let told = |done, total| *last.lock().unwrap() = (done, total);
    let cancel = || last.lock().unwrap().0 > 1000;
    let vectors = random(3000 * 2, 9);
    let progress = Progress::new().telling(&told);
    Cells::train(&vectors, 2, Metric::L2, &few(9, 1), &progress).unwrap();
    let (done, total) = *last.lock().unwrap();
    assert!(done == total && total > 1000);
    let progress = progress.cancelled_by(&cancel);
    assert_eq!(Cells::train(&vectors, 2, Metric::L2, &few(9, 1), &progress).err(), Some(Cancelled));
}
