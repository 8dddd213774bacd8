//! How a collection is opened.

use std::path::PathBuf;
use std::time::Duration;

use larder_store_core::{Call, Env, setters};

use crate::manifest::Schema;

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Role {
    /// This process, from now on. A writer that there was before is fenced: its next write fails, and nothing that it was told was
    /// written is lost.
    #[default]
    Writer,
    /// Another one. This one reads, and follows it.
    Reader,
}

/// Options of [`Collection::open`](crate::Collection::open).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CollectionOptions {
    /// What is made where there is no collection, and must be the same where there is one. Without it a collection that is not there
    /// is an error.
    pub schema: Option<Schema>,
    /// Who writes.
    pub role: Role,
    /// Rows in memory from which on they become a segment, at most 65,536. 65,536 by default.
    pub seal_rows: usize,
    /// Bytes in memory from which on they become a segment. 64 MiB by default.
    pub seal_bytes: usize,
    /// The share of a segment's rows that may be deleted before it is written anew. 0.2 by default.
    pub vacuum: f64,
    /// Dimensions for each byte of a code. 8 by default: 48 bytes for 384 dimensions.
    pub code_width: usize,
    /// Rows from which on a segment has a codebook trained; smaller ones have codes that need none. 4,096 by default.
    pub book_rows: usize,
    /// How much greater the mean square error of new codes may be than it was when their codebook was trained, before another is
    /// trained. 1.25 by default.
    pub drift: f64,
    /// Where columns and indexes are kept as files that are mapped. A folder of its own in the system's folder for temporary files by
    /// default, which is removed when the collection is closed.
    pub local: Option<PathBuf>,
    /// Bytes of memory for indexes and columns. By default a quarter of what is free when it is opened, at least 64 MiB.
    pub memory: Option<u64>,
    /// Bytes of files for columns. By default a quarter of what is free there, at most 64 GiB.
    pub disk: Option<u64>,
    /// How often tiers are looked at. 10 seconds by default.
    pub rebalance: Duration,
    /// Bytes a second that may move between tiers. 64 MiB by default.
    pub bandwidth: u64,
    /// How much of recall@10 a demotion may cost, by the vectors that it is tried with. 0.02 by default.
    pub guard: f64,
    /// Whether segments are sealed, rewritten and moved by themselves, as they are by default; else by [`Collection::flush`],
    /// [`Collection::optimize`] and [`Collection::rebalance`] only.
    ///
    /// With `true` what is not sealed yet takes a bounded memory: whoever writes faster than it can be sealed waits for it, and while
    /// sealing fails, writes are refused as soon as four tables of [`seal_rows`](CollectionOptions::seal_rows) or
    /// [`seal_bytes`](CollectionOptions::seal_bytes) wait, with an error that says why, until a seal succeeds. With `false` nothing
    /// bounds it but calls of [`Collection::flush`]: all rows written since the last one that succeeded are in memory.
    ///
    /// [`Collection::flush`]: crate::Collection::flush
    /// [`Collection::optimize`]: crate::Collection::optimize
    /// [`Collection::rebalance`]: crate::Collection::rebalance
    pub background: bool,
    /// How often a reader looks for what was written. A second by default; with zero only by
    /// [`Collection::refresh`](crate::Collection::refresh).
    pub follow: Duration,
    /// How long objects that no segment needs any more are left to readers who may. Five minutes by default.
    pub retain: Duration,
    /// Decides what is left to chance in training.
    pub seed: u64,
    /// Clocks, tasks and randomness.
    pub env: Env,
    /// Deadline and cancellation of opening.
    pub call: Call,
}

impl Default for CollectionOptions {
    fn default() -> CollectionOptions {
        CollectionOptions {
            schema: None,
            role: Role::default(),
            seal_rows: 65_536,
            seal_bytes: 64 << 20,
            vacuum: 0.2,
            code_width: 8,
            book_rows: 4096,
            drift: 1.25,
            local: None,
            memory: None,
            disk: None,
            rebalance: Duration::from_secs(10),
            bandwidth: 64 << 20,
            guard: 0.02,
            background: true,
            follow: Duration::from_secs(1),
            retain: Duration::from_secs(300),
            seed: 0,
            env: Env::system(),
            call: Call::default(),
        }
    }
}

setters!(CollectionOptions {
    /// Makes the collection where there is none.
    with_schema: schema = Schema => Some(schema),
    /// Says who writes.
    with_role: role = Role => role,
    /// Bounds the rows in memory.
    with_seal_rows: seal_rows = usize => seal_rows,
    /// Bounds the bytes in memory.
    with_seal_bytes: seal_bytes = usize => seal_bytes,
    /// Bounds the share of deleted rows.
    with_vacuum: vacuum = f64 => vacuum,
    /// Sets the dimensions for each byte of a code.
    with_code_width: code_width = usize => code_width,
    /// Sets the rows from which on there are codebooks.
    with_book_rows: book_rows = usize => book_rows,
    /// Sets how far codes may drift.
    with_drift: drift = f64 => drift,
    /// Sets the folder of files that are mapped.
    with_local: local = PathBuf => Some(local),
    /// Bounds the memory.
    with_memory: memory = u64 => Some(memory),
    /// Bounds the files.
    with_disk: disk = u64 => Some(disk),
    /// Sets how often tiers are looked at.
    with_rebalance: rebalance = Duration => rebalance,
    /// Bounds what moves a second.
    with_bandwidth: bandwidth = u64 => bandwidth,
    /// Bounds what a demotion may cost.
    with_guard: guard = f64 => guard,
    /// Leaves all work to those who call for it, or not.
    with_background: background = bool => background,
    /// Sets how often a reader looks.
    with_follow: follow = Duration => follow,
    /// Sets how long readers are waited for.
    with_retain: retain = Duration => retain,
    /// Sets the seed.
    with_seed: seed = u64 => seed,
    /// Sets the environment.
    with_env: env = Env => env,
    /// Bounds the opening.
    with_call: call = Call => call,
});
