//! What the parts of a collection share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use larder_store_core::env::InFlight;
use larder_store_core::{Call, Env, Error, ErrorKind, Op, Result, Store};

use super::backlog::Backlog;
use super::options::CollectionOptions;
use super::pack::Chosen;
use super::view::View;
use crate::codec::{Book, Codec};
use crate::manifest::Schema;
use crate::pq::Codebook;
use crate::segment::{self, OnText as _};

/// What tasks of a collection share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) env: Env,
    pub(crate) schema: Schema,
    pub(crate) options: CollectionOptions,
    pub(crate) view: ArcSwap<View>,
    /// Held by whoever replaces the manifest, and the view.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// Held by whoever rewrites segments.
    pub(crate) rewriting: tokio::sync::Mutex<()>,
    pub(crate) backlog: Backlog,
    /// The codebook that was trained last, for segments that may not have come to be: their next try does not train again.
    pub(super) trained: Mutex<Option<Chosen>>,
    pub(crate) inflight: InFlight,
    pub(crate) closed: Arc<AtomicBool>,
    /// Another writer has taken over.
    pub(crate) fenced: AtomicBool,
    pub(crate) tiers: crate::tiers::Tiers,
}

impl Core {
    /// That it was not closed.
    pub(crate) fn check_open(&self, op: Op) -> Result<()> {
        match self.closed.load(Ordering::Acquire) {
            true => Err(Error::new(ErrorKind::Closed, op, "the collection was closed").at(self.store.id())),
            false => Ok(()),
        }
    }

    /// What work that takes long asks whether to go on.
    pub(crate) fn watch(&self) -> Watch {
        Watch(self.closed.clone())
    }

    /// What a write says where another writer has taken over.
    pub(crate) fn fenced(&self, op: Op, epoch: u64) -> Error {
        self.fenced.store(true, Ordering::Release);
        let why = match epoch {
            u64::MAX => "another writer has taken over".to_owned(),
            _ => format!("another writer has taken over (epoch {epoch})"),
        };
        Error::new(ErrorKind::Conflict, op, why)
            .at(self.store.id())
            .hint("open the collection again to write: that fences the other one")
    }

    /// The codecs of a view's segments and books; reads those that are missing.
    pub(crate) async fn codec(&self, view: &View, book: Option<u64>, call: &Call) -> Result<Codec> {
        if let Some(codec) = view.codec(book) {
            return Ok(codec.clone());
        }
        let Some(number) = book else { return Ok(Codec::rotated(self.schema.dims as usize)) };
        if let Some(codec) = self.tiers.book(number) {
            return Ok(codec);
        }
        let name = book_name(number);
        let object = segment::read(&self.store, &name, call).await?;
        let codebook =
            Codebook::from_object(&name, &object).map_err(|e| e.at(self.store.id()).on_text(&name))?;
        if codebook.dims() != self.schema.dims as usize {
            let error = crate::bytes::damaged("a codebook", "it is of other dimensions");
            return Err(error.at(self.store.id()));
        }
        let codec = Codec::Pq(Arc::new(Book { number, codebook }));
        self.tiers.keep_book(codec.clone());
        Ok(codec)
    }
}

/// The key of a codebook.
pub(crate) fn book_name(number: u64) -> String {
    format!("book/{number:016x}")
}

/// Whether a collection was closed.
#[derive(Debug, Clone)]
pub(crate) struct Watch(Arc<AtomicBool>);

impl Watch {
    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
