//! What a search is asked, and what it answers.

use std::time::{Duration, Instant};

use larder_store_core::{Call, setters};

use crate::Filter;
use crate::row::Found;

/// Options of a search.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SearchOptions {
    /// How many candidates, the best by their codes, are compared with their vectors. By default four times what is asked for, and 100
    /// at least: with codes of a byte for 8 dimensions that finds 99 of 100 of the ten nearest.
    pub rescore: Option<usize>,
    /// Compares all rows with their vectors, and reads all of them for it.
    pub exact: bool,
    /// The share of a segment's cells whose codes are looked at, above 0 to 1; those whose middles are nearest. All by default.
    pub cells: f32,
    /// Which rows count.
    pub filter: Option<Filter>,
    /// Whether payloads are answered too. They are by default.
    pub payload: bool,
    /// Requests that each query may cost: for comparing candidates whose vectors are in the store alone, and for payloads of hits, for
    /// which vectors leave up to 4, and a quarter of all at the most. 16 by default. A payload that is asked for is answered in any
    /// case: where hits lie in more segments, or farther apart in them, than requests are left for, there are more.
    /// [`Work::remote_requests`] tells.
    pub remote_requests: usize,
    /// Bytes that it may read for that. 1 MiB by default. Vectors leave of it what payloads take on the average, up to a quarter; larger
    /// payloads are answered in any case.
    pub remote_bytes: u64,
    /// When to answer with what is known by then.
    pub until: Option<Instant>,
    /// Deadline and cancellation: past them the search is an error.
    pub call: Call,
}

impl Default for SearchOptions {
    fn default() -> SearchOptions {
        SearchOptions {
            rescore: None,
            exact: false,
            cells: 1.0,
            filter: None,
            payload: true,
            remote_requests: 16,
            remote_bytes: 1 << 20,
            until: None,
            call: Call::default(),
        }
    }
}

setters!(SearchOptions {
    /// Sets how many candidates are compared with their vectors.
    with_rescore: rescore = usize => Some(rescore),
    /// Compares everything.
    with_exact: exact = bool => exact,
    /// Sets the share of cells that are looked at.
    with_cells: cells = f32 => cells,
    /// Leaves out what does not match.
    with_filter: filter = Filter => Some(filter),
    /// Answers payloads, or not.
    with_payload: payload = bool => payload,
    /// Bounds the requests of each query.
    with_remote_requests: remote_requests = usize => remote_requests,
    /// Bounds the bytes of each query.
    with_remote_bytes: remote_bytes = u64 => remote_bytes,
    /// Answers in time.
    with_until: until = Instant => Some(until),
    /// Bounds the search.
    with_call: call = Call => call,
});

/// What a search found for a query.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Answer {
    /// The nearest, the very nearest first; of those as near the one with the lesser id.
    pub hits: Vec<Found>,
    /// What is not known for sure.
    pub approximate: Approximate,
    /// What it took.
    pub work: Work,
}

/// In which ways an answer may be another than that of an exact search.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Approximate {
    /// Segments whose candidates were chosen by their codes.
    pub coded_segments: usize,
    /// Cells that were not looked at.
    pub skipped_cells: usize,
    /// Hits whose distance is that of their codes.
    pub coded_hits: usize,
    /// Hits whose distance is that of their vectors rounded to half precision.
    pub half_hits: usize,
    /// Candidates that were not compared with their vectors, as the budget of remote requests or bytes did not allow it.
    pub over_budget: usize,
    /// Candidates that were not compared with their vectors in time.
    pub late: usize,
}

impl Approximate {
    /// Whether it is the answer of an exact search.
    pub fn is_exact(&self) -> bool {
        *self == Approximate::default()
    }
}

/// What a query took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Work {
    /// Rows whose codes were looked at, of all segments.
    pub scanned: u64,
    /// Candidates that were compared with their vectors.
    pub rescored: u64,
    /// Requests for vectors of candidates and payloads of hits, as the query would cost alone. What other queries read too is counted
    /// for each, and what a search reads for all of them, such as indexes or all vectors of an exact search, for none.
    pub remote_requests: u64,
    /// Bytes that these read.
    pub remote_bytes: u64,
    /// Time of the search that the query was part of.
    pub took: Duration,
}
