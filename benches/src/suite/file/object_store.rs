//! The `LocalFileSystem` of object_store, told to sync as ours does.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::{ObjectStoreExt, path};
use tokio::runtime::Runtime;

use super::timed;
use crate::error::Result;
use crate::measure::Side;
use crate::workload::Workload;

pub(super) const NAME: &str = "object_store";

#[derive(Debug, Clone)]
pub(super) struct Peer(Arc<LocalFileSystem>);

impl Peer {
    /// In a folder of its own, with every value in it.
    pub(super) fn new(runtime: &Runtime, path: &Path, workload: &Workload) -> Result<Peer> {
        std::fs::create_dir(path)?;
        let peer = Peer(Arc::new(LocalFileSystem::new_with_prefix(path)?.with_fsync(true)));
        peer.put_side(runtime, workload)(&(0..workload.len()).collect::<Vec<_>>())?;
        Ok(peer)
    }

    pub(super) fn put_side<'s>(&self, runtime: &'s Runtime, workload: &'s Workload) -> Side<'s> {
        let store = self.0.clone();
        Box::new(move |order| {
            let puts =
                workload.puts(order).into_iter().map(|(key, value)| (path::Path::from(key.as_str()), value));
            let (store, puts) = (store.clone(), puts.collect::<Vec<_>>());
            timed(runtime, async move {
                for (path, value) in puts {
                    store.put(&path, value.into()).await?;
                }
                Ok(())
            })
        })
    }

    pub(super) fn get_side<'s>(&self, runtime: &'s Runtime, workload: &'s Workload) -> Side<'s> {
        let store = self.0.clone();
        Box::new(move |order| {
            let paths = workload.picked(order).into_iter().map(|key| path::Path::from(key.as_str()));
            let (store, paths) = (store.clone(), paths.collect::<Vec<_>>());
            timed(runtime, async move {
                for path in paths {
                    black_box(&store.get(&path).await?.bytes().await?);
                }
                Ok(())
            })
        })
    }
}
