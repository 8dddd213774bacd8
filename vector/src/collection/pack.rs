//! Rows become a segment in the store.

use std::sync::{Arc, MutexGuard, PoisonError};

use bytes::Bytes;
use larder_store_core::{Call, Error, ErrorKind, Key, Op, PutOptions, Result};

use super::core::{Core, book_name};
use super::rewrite::keys;
use super::view::View;
use crate::cells::{CellOptions, Cells};
use crate::codec::{Book, Codec, unit};
use crate::manifest::{BookEntry, Manifest, Precision, SegmentEntry};
use crate::pq::{Codebook, TrainOptions};
use crate::segment::{self, Built, Layout, RowSet};
use crate::{Cancelled, Metric, Progress};

/// Rows of a cell, about: what is worth a centroid to be compared with.
const CELL_ROWS: usize = 256;
/// Vectors that a codebook is trained on, at the most.
const SAMPLE: usize = 65_536;

/// Of so many vectors one is not trained on, and tells the error.
const HELD_OUT: usize = 8;

/// A segment whose objects are in the store, and in no manifest yet.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) entry: SegmentEntry,
    /// Where each row came from.
    pub(super) order: Vec<u32>,
}

/// A codec to encode with, and what the manifest is to know of it if it is new.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) codec: Codec,
    pub(super) new: Option<BookEntry>,
}

/// Puts a codebook into a manifest, unless it is there.
pub(super) fn add_book(manifest: &mut Manifest, book: &Option<BookEntry>) {
    let is_new = |book: &&BookEntry| manifest.books.iter().all(|there| there.number != book.number);
    let new: Vec<_> = book.iter().filter(is_new).cloned().collect();
    manifest.books.extend(new);
}

impl Core {
    /// The codec for rows that are to become segments: the newest codebook, unless it does not suit them.
    pub(super) async fn choose(&self, view: &View, rows: &Arc<RowSet>, call: &Call) -> Result<Chosen> {
        let dims = self.schema.dims as usize;
        // Of what is not kept, codes of a codebook are all that there is.
        let lossy = self.schema.keep == Precision::Lossy;
        if rows.len() < self.options.book_rows && view.manifest.books.is_empty() && !lossy {
            return Ok(Chosen { codec: Codec::rotated(dims), new: None });
        }
        for (codec, error, new) in self.known(view, call).await? {
            let (checked, vectors, metric) = (codec.clone(), rows.clone(), self.schema.metric);
            let work = move || Ok(error_of(&checked, metric, &vectors.values));
            let now = self.env.blocking(Op::Maintain, &self.inflight, work).await?;
            let suits = now <= error * self.options.drift;
            if new.is_some() && !suits {
                continue;
            }
            if suits || rows.len() < self.options.book_rows {
                if let (Some(_), Codec::Pq(book)) = (&new, &codec) {
                    // A sweep may have found that nobody needs it.
                    self.write_book(book, call).await?;
                }
                return Ok(Chosen { codec, new });
            }
            tracing::info!(store = %self.store.id(), error = now, was = error, "codes have drifted: a codebook is trained");
        }
        let number = self.name();
        let (rows, metric) = (rows.clone(), self.schema.metric);
        let options = TrainOptions {
            seed: self.options.seed,
            width: self.options.code_width.max(dims.div_ceil(512)),
            sample: SAMPLE,
            ..TrainOptions::default()
        };
        let core = self.watch();
        let work = move || {
            // The error of what it was trained on would tell nothing of what comes.
            let (mut trained, mut held_out) = (Vec::new(), Vec::new());
            for (row, vector) in rows.values.chunks_exact(dims).enumerate() {
                if row % HELD_OUT == HELD_OUT - 1 { &mut held_out } else { &mut trained }
                    .extend_from_slice(vector);
            }
            let vectors = unit(metric, dims, &trained);
            let cancelled = || core.is_closed();
            let progress = Progress::new().cancelled_by(&cancelled);
            let codebook = Codebook::train_with(&vectors, dims, &options, &progress).map_err(stopped)?;
            let codec = Codec::Pq(Arc::new(Book { number, codebook }));
            let error = error_of(&codec, metric, if held_out.is_empty() { &trained } else { &held_out });
            Ok((codec, error))
        };
        let (codec, error) = self.env.blocking(Op::Maintain, &self.inflight, work).await?;
        self.tiers.keep_book(codec.clone());
        let chosen = Chosen { codec, new: Some(BookEntry { number, error }) };
        *self.trained() = Some(chosen.clone());
        if let Codec::Pq(book) = &chosen.codec {
            self.write_book(book, call).await?;
        }
        Ok(chosen)
    }

    /// Codebooks that there are, with their errors: one that was trained and is in no manifest yet, and the newest of the manifest.
    async fn known(&self, view: &View, call: &Call) -> Result<Vec<(Codec, f64, Option<BookEntry>)>> {
        let mut known = Vec::new();
        let trained = self.trained().clone();
        if let Some(Chosen { codec, new: Some(entry) }) = trained {
            match view.manifest.books.iter().any(|book| book.number == entry.number) {
                true => *self.trained() = None,
                false => known.push((codec, entry.error, Some(entry))),
            }
        }
        if let Some(book) = view.manifest.books.last() {
            known.push((self.codec(view, Some(book.number), call).await?, book.error, None));
        }
        Ok(known)
    }

    fn trained(&self) -> MutexGuard<'_, Option<Chosen>> {
        self.trained.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write_book(&self, book: &Book, call: &Call) -> Result<()> {
        let name = book_name(book.number);
        self.write(&name, book.codebook.to_object(&name), call).await
    }

    /// Makes a segment of at most 65,536 rows, and writes its objects.
    pub(super) async fn pack(
        &self,
        number: u64,
        rows: Arc<RowSet>,
        codec: Codec,
        clustered: bool,
        call: &Call,
    ) -> Result<Packed> {
        let (schema, seed) = (self.schema, self.options.seed);
        let mut entry = SegmentEntry {
            number,
            name: format!("{number:08x}-{:016x}", self.name()),
            rows: 0,
            dead: 0,
            dead_rev: 0,
            index_rev: self.name(),
            book: None,
            index_bytes: 0,
            vector_bytes: 0,
            payload_bytes: 0,
            ids: None,
            clustered,
        };
        let core = self.watch();
        let work = move || {
            let dims = schema.dims as usize;
            let cancelled = || core.is_closed();
            let progress = Progress::new().cancelled_by(&cancelled);
            let layout = lay_out(&rows, dims, schema.metric, seed, &progress).map_err(stopped)?;
            let rows = rows.arrange(dims, &layout.order);
            let built = segment::build(&mut entry, &schema, &rows, &layout, &codec)?;
            Ok((entry, built, layout.order))
        };
        let (entry, built, order) = self.env.blocking(Op::Maintain, &self.inflight, work).await?;
        let Built { index, vectors, payloads } = built;
        let index_key = segment::index_name(&entry);
        let index = self.write(&index_key, index.into(), call);
        let (vectors_key, payloads_key) = (segment::key(&entry, "vectors"), segment::key(&entry, "payloads"));
        let vectors = self.write_some(&vectors_key, vectors, call);
        let payloads = self.write_some(&payloads_key, payloads, call);
        let written = futures_util::future::join3(index, vectors, payloads).await;
        if let Err(error) = written.0.and(written.1).and(written.2) {
            // No manifest has ever named them. On a full disk what is left of every try would take what deletes give back.
            self.remove(keys(&entry), call).await;
            return Err(error);
        }
        Ok(Packed { entry, order })
    }

    async fn write_some(&self, name: &str, object: Bytes, call: &Call) -> Result<()> {
        if object.is_empty() { Ok(()) } else { self.write(name, object, call).await }
    }

    /// What tells objects apart: whoever was killed or fenced may write others of the same number, at any time.
    pub(super) fn name(&self) -> u64 {
        self.env.random_u64().max(1)
    }

    /// Writes an object that nobody else writes.
    pub(super) async fn write(&self, name: &str, object: Bytes, call: &Call) -> Result<()> {
        let options = PutOptions::new().with_call(call.clone());
        self.store.put_opts(&Key::new(name)?, object, &options).await.map(drop)
    }
}

pub(super) fn stopped(_: Cancelled) -> Error {
    Error::new(ErrorKind::Closed, Op::Maintain, "the collection was closed")
}

/// Puts rows that are near each other next to each other.
fn lay_out(
    rows: &RowSet,
    dims: usize,
    metric: Metric,
    seed: u64,
    progress: &Progress<'_>,
) -> std::result::Result<Layout, Cancelled> {
    let count = rows.len();
    let cells = count.div_ceil(CELL_ROWS);
    let vectors = unit(metric, dims, &rows.values);
    let options = CellOptions { cells, seed, ..CellOptions::default() };
    let cells = Cells::train(&vectors, dims, metric, &options, progress)?;
    let of = cells.assign(&vectors);
    let mut order: Vec<u32> = (0..count as u32).collect();
    order.sort_by_key(|row| of[*row as usize]);
    let mut layout = Layout { cells: Vec::new(), cell_rows: vec![0], order };
    let mut at = 0;
    for cell in 0..cells.count() {
        let size = layout.order[at..].iter().take_while(|row| of[**row as usize] == cell as u32).count();
        // A cell without a row is none.
        if size > 0 {
            layout.cells.extend_from_slice(&cells.centroids()[cell * dims..][..dims]);
            at += size;
            layout.cell_rows.push(at as u32);
        }
    }
    Ok(layout)
}

/// Vectors that the error of codes is measured by.
const MEASURED: usize = 4096;

/// The mean square error of codes, in parts of the mean square of the distance from the mean: 0 for codes that lose nothing, 1 for codes
/// that know nothing.
pub(super) fn error_of(codec: &Codec, metric: Metric, vectors: &[f32]) -> f64 {
    let Codec::Pq(book) = codec else { return 0.0 };
    let dims = book.codebook.dims();
    let rows = vectors.len() / dims;
    let step = rows.div_ceil(MEASURED).max(1);
    let sample: Vec<f32> = vectors.chunks_exact(dims).step_by(step).flatten().copied().collect();
    let sample = unit(metric, dims, &sample);
    let back = book.codebook.decode(&book.codebook.encode(&sample));
    let mut mean = vec![0f64; dims];
    let count = (sample.len() / dims).max(1) as f64;
    for vector in sample.chunks_exact(dims) {
        mean.iter_mut().zip(vector).for_each(|(mean, x)| *mean += f64::from(*x) / count);
    }
    let square = |a: f64| a * a;
    let lost: f64 = sample.iter().zip(&back).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    let spread: f64 = sample
        .chunks_exact(dims)
        .flat_map(|vector| vector.iter().zip(&mean).map(|(x, mean)| square(f64::from(*x) - mean)))
        .sum();
    if spread > 0.0 { lost / spread } else { 0.0 }
}
