//! Listings that are wrong.

use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::conformance::Reference;
use larder_store_core::{Items, ListOptions, Listed, Store};

use crate::caught;
use crate::quirk::Quirk;

/// A quirk of listings alone.
macro_rules! listing {
    ($name:ident, $store:ident, $options:ident => $body:expr) => {
        #[derive(Debug)]
        struct $name;
        impl Quirk for $name {
            fn list(&self, $store: &Reference, $options: ListOptions) -> Items<Listed> {
                $body
            }
        }
    };
}

/// All of them, changed, as a listing.
fn changed(items: Items<Listed>, change: impl FnOnce(&mut Vec<Listed>) + Send + 'static) -> Items<Listed> {
    let all = async move {
        let mut all: Vec<Listed> = items.try_collect().await?;
        change(&mut all);
        Ok(stream::iter(all.into_iter().map(Ok)))
    };
    stream::once(all).try_flatten().boxed()
}

listing!(OnePage, store, o => store.list_opts(o).take(1000).boxed());
caught!(a_list_that_stops_at_1000: OnePage, [
    "list.live": "keys that stand throughout, named by a listing during writes",
    "list.many": "got 1000 names, expected 2001",
    "list.pages": "got 1000 names, expected 1001",
    "transact.limits": "keys after a transaction of ",
]);

listing!(ByPath, store, o => changed(store.list_opts(o), |all| {
    all.sort_by(|a, b| a.name().split('/').cmp(b.name().split('/')));
}));
caught!(a_list_in_the_order_of_paths: ByPath, [
    "keys.lengths": "the listing of all long keys",
    "keys.odd": "the listing of all odd keys",
    "list.tree": "got 43 names, expected 43",
    "walk.model": "walker",
]);

listing!(ByUtf16, store, o => changed(store.list_opts(o), |all| {
    all.sort_by(|a, b| a.name().encode_utf16().cmp(b.name().encode_utf16()));
}));
caught!(a_list_in_the_order_of_utf_16: ByUtf16, [
    "keys.odd": "the listing of all odd keys",
]);

listing!(FromInclusive, store, o => {
    let first = o.start_after.as_ref().and_then(|after| larder_store_core::Key::new(after.as_str()).ok());
    let starts = first.filter(|key| key.as_str().starts_with(&o.prefix) && o.delimiter.is_none() && o.limit != Some(0));
    let again = starts.and_then(|key| {
        let got = store.try_get(&key, &larder_store_core::GetOptions::new().with_call(o.call.clone()));
        got?.ok()?.meta().cloned()
    });
    let limit = o.limit.unwrap_or(usize::MAX);
    stream::iter(again.map(|meta| Ok(Listed::Entry(meta)))).chain(store.list_opts(o)).take(limit).boxed()
});
caught!(a_list_that_begins_where_it_should_begin_behind: FromInclusive, [
    "list.many": "got 1100 names, expected 1100",
    "list.pages": "got 1 names, expected 0",
    "list.tree": "got 38 names, expected 37",
    "walk.model": "walker",
]);

listing!(OneTooMany, store, o => {
    let limit = o.limit.map(|limit| limit + 1);
    let mut o = o;
    o.limit = limit;
    store.list_opts(o)
});
caught!(a_list_of_one_too_many: OneTooMany, [
    "expiry.reads": "a listing of two after half of the values expired",
    "list.many": "got 1101 names, expected 1100",
    "list.pages": "got 1 names, expected 0",
    "list.tree": "got 6 names, expected 5",
    "walk.model": "walker",
]);

listing!(PrefixIsAFolder, store, o => {
    let prefix = o.prefix.clone();
    let inside = move |item: &larder_store_core::Result<Listed>| {
        let rest = item.as_ref().ok().map(|item| item.name()[prefix.len()..].to_owned());
        let all = prefix.is_empty() || prefix.ends_with('/');
        std::future::ready(all || rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')))
    };
    store.list_opts(o).filter(inside).boxed()
});
caught!(a_prefix_that_must_be_a_folder: PrefixIsAFolder, [
    "keys.odd": "the listing under",
    "list.many": "got 0 names, expected 456",
    "list.pages": "got 0 names, expected 1",
    "list.tree": "got 11 names, expected 17",
    "walk.model": "walker",
]);

listing!(PrefixTwice, store, o => {
    let limit = o.limit.unwrap_or(usize::MAX);
    let items = store.list_opts(o).flat_map(|item| {
        let again = match &item {
            Ok(Listed::Prefix(prefix)) => Some(Ok(Listed::Prefix(prefix.clone()))),
            _ => None,
        };
        stream::iter([Some(item), again].into_iter().flatten())
    });
    items.take(limit).boxed()
});
caught!(a_common_prefix_listed_twice: PrefixTwice, [
    "list.many": "got 1003 names, expected 1002",
    "list.tree": "got 36 names, expected 26",
    "walk.model": "walker",
]);

listing!(SlashOnly, store, o => {
    let mut o = o;
    o.delimiter = o.delimiter.filter(|d| !d.is_empty()).map(|_| "/".to_owned());
    store.list_opts(o)
});
caught!(a_delimiter_that_is_always_a_slash: SlashOnly, [
    "list.many": "got 1002 names, expected 95",
    "list.tree": "got 26 names, expected 42",
    "walk.model": "walker",
]);

/// An old snapshot: what was written since the listing before is missing from this one.
#[derive(Debug, Default)]
struct Old(std::sync::Mutex<std::collections::HashSet<String>>);

impl Quirk for Old {
    fn list(&self, store: &Reference, o: ListOptions) -> Items<Listed> {
        // Keys are listed from the second time on that a listing meets them.
        let mut known = self.0.lock().unwrap().clone();
        let inner = store.list_opts(o.clone());
        let now: Vec<_> = futures_util::FutureExt::now_or_never(inner.collect::<Vec<_>>()).unwrap();
        let now: Vec<_> = now
            .into_iter()
            .filter(|i| {
                i.as_ref().map_or(true, |i| {
                    let new = known.insert(i.name().to_owned());
                    !new || i.name().len() < 12
                })
            })
            .collect();
        *self.0.lock().unwrap() = known;
        stream::iter(now).boxed()
    }
}

caught!(a_listing_that_lags: Old::default(), [
    "drops.reads": "the listing after get was dropped",
    "keys.lengths": "the listing of all long keys",
    "keys.odd": "the listing of all odd keys",
    "life.leftovers": "the listing after a sweep",
    "list.many": "got 0 names, expected 2001",
    "transact.limits": "keys after a transaction of ",
    "walk.model": "walker",
]);
