//! What the `metrics` crate is told.

use std::time::Duration;

use crate::collection::Answer;

/// A search has ended.
pub(crate) fn searched(answers: &[Answer], took: Duration) {
    let sum = |count: fn(&Answer) -> u64| answers.iter().map(count).sum::<u64>();
    metrics::counter!("larder_vector_queries_total").increment(answers.len() as u64);
    metrics::counter!("larder_vector_rescored_total").increment(sum(|answer| answer.work.rescored));
    metrics::counter!("larder_vector_remote_requests_total")
        .increment(sum(|answer| answer.work.remote_requests));
    metrics::counter!("larder_vector_remote_bytes_total").increment(sum(|answer| answer.work.remote_bytes));
    metrics::histogram!("larder_vector_search_seconds").record(took.as_secs_f64());
}

/// A segment has moved.
pub(crate) fn moved(to: &'static str, bytes: u64) {
    metrics::counter!("larder_vector_moves_total", "to" => to).increment(1);
    metrics::counter!("larder_vector_moved_bytes_total", "to" => to).increment(bytes);
}
