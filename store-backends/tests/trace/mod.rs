//! Traces of reads, and what an exact LRU makes of them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Bytes of each value.
pub(crate) const VALUE: usize = 4096;
/// How many entries the caches have that are compared.
pub(crate) const ENTRIES: [u64; 3] = [5_000, 15_000, 50_000];

/// Which keys are read, in order.
pub(crate) struct Trace {
    pub(crate) name: &'static str,
    pub(crate) keys: Vec<u64>,
}

impl Trace {
    /// The trace "OLTP" (N. Megiddo, D. Modha, "ARC: A Self-Tuning, Low Overhead Replacement Cache", USENIX FAST 2003)
    /// out of the folder that `LARDER_DATA` names; else one that is generated, and says so.
    pub(crate) fn load() -> Trace {
        let path = std::env::var_os("LARDER_DATA").map(|folder| Path::new(&folder).join("OLTP.lis.zst"));
        match path {
            Some(path) => {
                let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                let text = std::io::read_to_string(zstd::Decoder::new(file).unwrap()).unwrap();
                let first = |line: &str| line.split_whitespace().next().unwrap().parse().unwrap();
                Trace { name: "OLTP", keys: text.lines().map(first).collect() }
            }
            None => {
                println!("LARDER_DATA is not set: instead of the trace OLTP, Zipf 0.9 with scans is used");
                Trace { name: "Zipf and scans", keys: zipf_and_scans(400_000, 150_000) }
            }
        }
    }
}

/// The next number of a seeded stream (xorshift64*).
fn next(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

fn zipf_and_scans(reads: usize, keys: u64) -> Vec<u64> {
    let mut sum = 0.0;
    let weights = (1..=keys).map(|rank| {
        sum += (rank as f64).powf(-0.9);
        sum
    });
    let sums: Vec<f64> = weights.collect();
    let (mut state, mut trace) = (42, Vec::with_capacity(reads));
    while trace.len() < reads {
        // Now and then somebody reads a few thousand keys in a row that nobody else wants.
        if next(&mut state).is_multiple_of(20_000) {
            let from = keys + next(&mut state) % (1 << 40);
            trace.extend(from..from + 3000);
        }
        let at = (next(&mut state) >> 11) as f64 / (1_u64 << 53) as f64 * sum;
        trace.push(sums.partition_point(|sum| *sum < at) as u64);
    }
    trace.truncate(reads);
    trace
}

/// The share of reads that an exact LRU of so many entries answers, in per cent.
pub(crate) fn lru(trace: &[u64], entries: u64) -> f64 {
    let (mut last, mut order) = (HashMap::new(), BTreeMap::new());
    let mut hits = 0_u64;
    for (now, key) in trace.iter().enumerate() {
        if let Some(before) = last.insert(*key, now) {
            order.remove(&before);
            hits += 1;
        }
        order.insert(now, *key);
        if order.len() as u64 > entries
            && let Some((_, oldest)) = order.pop_first()
        {
            last.remove(&oldest);
        }
    }
    hits as f64 * 100.0 / trace.len() as f64
}

/// Says how a front did, and that it is at most three points below an exact LRU of the entries that it held.
pub(crate) fn compare(trace: &Trace, front: &str, wanted: u64, held: u64, hits: u64) {
    let ratio = hits as f64 * 100.0 / trace.keys.len() as f64;
    let exact = lru(&trace.keys, held);
    println!(
        "{}, {wanted} entries: {front} held {held} and answered {ratio:.1} %; an exact LRU of as many {exact:.1} %, \
         of {wanted} {:.1} %",
        trace.name,
        lru(&trace.keys, wanted)
    );
    assert!(ratio > exact - 3.0, "{front} answers {ratio:.1} %, an exact LRU {exact:.1} %");
}
