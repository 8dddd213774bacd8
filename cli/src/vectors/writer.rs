//! Writes rows, and makes segments of them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use larder::Call;
use larder::vector::{Collection, Row, Schema, Stats, VectorStore};

use super::open;
use crate::cx::Cx;
use crate::error::Result;
use crate::progress::Progress;
use crate::units;

/// Rows and bytes from which on a segment is made, as a collection does by itself.
const ROWS: u64 = 65_536;
const BYTES: u64 = 64 << 20;

/// A collection that is written.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) places: Collection,
    rows: AtomicU64,
    bytes: AtomicU64,
    /// Where it is told that it seals: that takes seconds now and then, in which nothing is written.
    line: OnceLock<Progress>,
}

impl Writer {
    pub(crate) fn new(places: Collection) -> Writer {
        Writer { places, rows: AtomicU64::new(0), bytes: AtomicU64::new(0), line: OnceLock::new() }
    }

    /// Tells on this line what takes long.
    pub(crate) fn tell(&self, line: &Progress) {
        let _ = self.line.set(line.clone());
    }

    /// Writes rows. When it returns they are as durable as the store makes them.
    pub(crate) async fn write(&self, rows: Vec<Row>, call: &Call) -> larder::Result<()> {
        let bytes: usize = rows.iter().map(|row| row.vector.len() * 4 + row.payload.len() + 64).sum();
        let count = rows.len() as u64;
        self.places.upsert_opts(rows, call).await?;
        let count = self.rows.fetch_add(count, Relaxed) + count;
        let bytes = self.bytes.fetch_add(bytes as u64, Relaxed) + bytes as u64;
        if count >= ROWS || bytes >= BYTES {
            if let Some(line) = self.line.get() {
                line.say(sealing(&self.places.stats()));
            }
            self.places.flush().await?;
            self.rows.store(0, Relaxed);
            self.bytes.store(0, Relaxed);
        }
        Ok(())
    }

    /// Makes segments of what is left, and puts together what is near each other; what there is then.
    pub(crate) async fn settle(&self, cx: &Cx, optimize: bool) -> Result<Stats> {
        let line = Progress::text(cx);
        line.say(sealing(&self.places.stats()));
        let done = async {
            self.places.flush().await?;
            if optimize {
                line.say(clustering(&self.places.stats()));
                self.places.optimize().await?;
            }
            Ok::<(), larder::Error>(())
        };
        let done = cx.until_cancelled(done).await;
        line.end();
        done??;
        Ok(self.places.stats())
    }

    /// What all rows have in common.
    pub(crate) fn schema(&self) -> &Schema {
        self.places.schema()
    }

    /// Closes it.
    pub(crate) async fn close(&self, cx: &Cx) {
        open::close(cx, &self.places).await;
    }
}

/// What is said while segments are made of what was written.
fn sealing(stats: &Stats) -> String {
    let there = units::count(stats.segments as u64, "segment", "segments");
    format!("sealing: {}, beside {there}", units::count(stats.unsealed, "vector", "vectors"))
}

/// What is said while rows are put together that are near each other.
fn clustering(stats: &Stats) -> String {
    let there = units::count(stats.segments as u64, "segment", "segments");
    format!("clustering: {} of {there}", units::count(stats.rows, "vector", "vectors"))
}
