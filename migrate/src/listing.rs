//! The names that a job goes through: those that its preflight saw, if they are few, else a listing that is read ahead.

use std::time::SystemTime;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use larder_store_core::{Env, Error, ErrorKind, Items, Key, ListOptions, Listed, Meta, Op, Result, Store};
use tokio::sync::mpsc;

use crate::options::JobOptions;
use crate::select::Judge;

/// Items that are handed over together.
const BATCH: usize = 256;
/// What the allocations of an item take besides their bytes, and what a vector that grows does, about.
const OVERHEAD: usize = 96;

/// The options of a listing of what `judge` may want, behind `after`.
pub(crate) fn options(job: &JobOptions, judge: &Judge, after: Option<&Key>) -> ListOptions {
    let options = ListOptions::new().with_prefix(judge.prefix()).with_call(job.call.clone());
    match after {
        Some(key) => options.with_start_after(key.as_str()),
        None => options,
    }
}

/// What a preflight saw: all of it, or nothing if that would be more than is to be kept.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    items: Option<Vec<Noted>>,
    room: usize,
}

/// What is kept of an item: not what whoever reads the value is told again.
#[derive(Debug)]
enum Noted {
    Entry { key: Key, size: Option<u64>, stored_size: Option<u64>, modified: Option<SystemTime> },
    Foreign(Box<(String, String)>),
}

impl Seen {
    /// Room for what a job may keep: a large store is listed twice, a small one once.
    pub(crate) fn of(job: &JobOptions) -> Seen {
        Seen { items: Some(Vec::new()), room: usize::try_from(job.memory / 2).unwrap_or(usize::MAX) }
    }

    /// Keeps what comes next in the listing.
    pub(crate) fn add(&mut self, item: Listed) {
        let Some(items) = &mut self.items else { return };
        let (item, text) = match item {
            Listed::Entry(Meta { key, size, stored_size, modified, .. }) => {
                let text = key.len();
                (Noted::Entry { key, size, stored_size, modified }, text)
            }
            Listed::Foreign { name, why } => {
                let text = name.len() + why.len() + size_of::<(String, String)>();
                (Noted::Foreign(Box::new((name, why))), text)
            }
            _ => return,
        };
        match self.room.checked_sub(size_of::<Noted>() + OVERHEAD + text) {
            Some(left) => {
                self.room = left;
                items.push(item);
            }
            None => self.items = None,
        }
    }

    /// Whether nothing has to be listed again.
    pub(crate) fn is_whole(&self) -> bool {
        self.items.is_some()
    }

    /// The names behind `after`.
    pub(crate) fn or_listing(
        self,
        source: &dyn Store,
        job: &JobOptions,
        judge: &Judge,
        after: Option<&Key>,
    ) -> BoxStream<'static, Result<Listed>> {
        let Some(items) = self.items else {
            return ahead(&job.env, source.list_opts(options(job, judge, after)));
        };
        let after = after.map_or("", |key| key.as_str()).to_owned();
        let behind = move |item: Noted| match item {
            Noted::Entry { key, size, stored_size, modified } if *key.as_str() > *after => {
                let mut meta = Meta::new(key);
                (meta.size, meta.stored_size, meta.modified) = (size, stored_size, modified);
                Some(Ok(Listed::Entry(meta)))
            }
            Noted::Foreign(foreign) if *foreign.0 > *after => {
                let (name, why) = *foreign;
                Some(Ok(Listed::Foreign { name, why }))
            }
            _ => None,
        };
        stream::iter(items.into_iter().filter_map(behind)).boxed()
    }
}

/// A listing that goes on while what it names is read.
pub(crate) fn ahead(env: &Env, listed: Items<Listed>) -> BoxStream<'static, Result<Listed>> {
    let (give, take) = mpsc::channel::<Option<Vec<Result<Listed>>>>(2);
    env.spawn(async move {
        let mut batches = listed.ready_chunks(BATCH);
        loop {
            let batch = tokio::select! {
                // Nobody listens any more.
                () = give.closed() => return,
                batch = batches.next() => batch,
            };
            let over = batch.is_none();
            if give.send(batch).await.is_err() || over {
                return;
            }
        }
    });
    stream::unfold(Some(take), async |take| {
        let mut take = take?;
        match take.recv().await {
            Some(Some(batch)) => Some((batch, Some(take))),
            Some(None) => None,
            None => {
                let why = "a listing was given up by a panic or a runtime that ended";
                Some((vec![Err(Error::new(ErrorKind::Unknown, Op::List, why))], None))
            }
        }
    })
    .flat_map(stream::iter)
    .boxed()
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;
    use larder_store_core::StoreExt;

    use super::*;

    #[tokio::test]
    async fn little_is_kept_and_much_is_listed_again() {
        let store = larder_store_backends::registry().open_url("memory:", &Default::default()).await.unwrap();
        let judge = JobOptions::new().select.compile(JobOptions::new().env.wall()).unwrap();
        let foreign = || Listed::Foreign { name: "b/x".into(), why: "it is odd".into() };
        for key in ["a", "b", "c"] {
            store.put(key, "1").await.unwrap();
        }
        for (memory, names) in [(64 << 10, "b b/x c"), (512, "b c")] {
            let job = JobOptions::new().with_memory(memory);
            let mut seen = Seen::of(&job);
            for key in ["a", "b", "c"] {
                let mut meta = Meta::new(Key::new(key).unwrap());
                (meta.size, meta.stored_size) = (Some(1), Some(90));
                seen.add(Listed::Entry(meta));
            }
            seen.add(foreign());
            assert_eq!(seen.is_whole(), memory > 512);
            let after = Key::new("a").unwrap();
            let listed = seen.or_listing(&*store, &job, &judge, Some(&after));
            let mut listed: Vec<_> = listed.try_collect().await.unwrap();
            let small = |item: &Listed| item.clone().into_entry().is_none_or(|meta| meta.size == Some(1));
            assert!(listed.iter().all(small));
            listed.sort_by_key(|item| item.name().to_owned());
            let found: Vec<_> = listed.iter().map(|item| item.name()).collect();
            assert_eq!(found.join(" "), names);
        }
    }
}
