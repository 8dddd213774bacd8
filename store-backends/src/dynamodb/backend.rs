//! The `dynamodb:` scheme.

use std::sync::Arc;

use async_trait::async_trait;
use larder_store_core::config::{Param, StoreConfig};
use larder_store_core::system::{self, Space};
use larder_store_core::{Backend, Call, Destroy, Error, ErrorKind, Op, OpenOptions, Result, Store};

use super::config::{DynamoConfig, PARAMS};
use super::item::{self, HEAD, Item};
use super::list::Query;
use super::marker::Marked;
use super::name::ALONE;
use super::register::Set;
use super::schema;
use super::store::DynamoStore;

/// Opens `dynamodb://TABLE/NAMESPACE`.
#[derive(Debug, Clone, Copy, Default)]
pub struct DynamoBackend;

#[async_trait]
impl Backend for DynamoBackend {
    fn scheme(&self) -> &str {
        "dynamodb"
    }

    fn params(&self) -> &[Param] {
        PARAMS
    }

    async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        let config = DynamoConfig::try_from(config).map_err(|e| e.during(Op::Open))?;
        let store = DynamoStore::open_with(config, options).await?;
        if !options.create_if_missing {
            there(Op::Open, &store).await?;
        }
        Ok(Arc::new(store))
    }

    async fn exists(&self, config: &StoreConfig, options: &OpenOptions) -> Result<bool> {
        let config = asking(config).map_err(|e| e.during(Op::Exists))?;
        DynamoStore::open_with(config, options).await?.exists(&Call::default()).await
    }

    async fn destroy(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Destroy> {
        let op = Op::Destroy;
        let config = asking(config).map_err(|e| e.during(op))?;
        let place = config.place();
        let store = DynamoStore::open_with(config, options).await?;
        let shards = there(op, &store).await?;
        let namespace = store.id().prefix();
        let under = format!(
            "every item of the namespace {namespace:?} in the table dynamodb:{place}, and not the table"
        );
        // What others put there is theirs.
        if let Some(name) = foreign(&store, shards).await.map_err(|e| e.during(op).at(store.id()))? {
            let why = format!("there is an item that is no value of this store: {name:?}");
            return Err(Error::new(ErrorKind::Invalid, op, why)
                .at(store.id())
                .hint("remove it by hand first"));
        }
        Ok(Destroy::new(vec![under], async move {
            empty(&store, shards).await.map_err(|e| e.during(op).at(store.id()))
        }))
    }
}

/// The configuration of somebody who only asks: no table is made for that.
fn asking(config: &StoreConfig) -> Result<DynamoConfig> {
    Ok(DynamoConfig::try_from(config)?.with_create(false))
}

/// How many write shards the store has, or that there is none.
async fn there(op: Op, store: &DynamoStore) -> Result<u16> {
    match store.marked(&Call::default()).await? {
        Marked::Shards(shards) => Ok(shards),
        Marked::NoTable => Err(schema::missing(op, &store.single().wire).at(store.id())),
        Marked::No => {
            let why = "there is no such store: nothing was ever written into this namespace";
            Err(Error::new(ErrorKind::Invalid, op, why).at(store.id()))
        }
    }
}

/// All items of a partition, page by page.
struct Pages<'a> {
    store: &'a DynamoStore,
    pk: String,
    what: &'static str,
    token: Option<Item>,
    over: bool,
}

impl<'a> Pages<'a> {
    fn new(store: &'a DynamoStore, pk: String, what: &'static str) -> Pages<'a> {
        Pages { store, pk, what, token: None, over: false }
    }

    async fn next(&mut self) -> Result<Option<Vec<Item>>> {
        if self.over {
            return Ok(None);
        }
        let (single, op, call) = (self.store.single(), Op::Destroy, Call::default());
        let (pk, what, token) = (&self.pk, self.what, &self.token);
        let page = single.retries.run(op, &call, |_| {
            let query = Query { pk, low: None, high: None, token: token.clone(), limit: None, what };
            single.wire.query(op, &call, query)
        });
        let (items, token) = page.await?;
        (self.over, self.token) = (token.is_none(), token);
        Ok(Some(items))
    }
}

/// The partitions of all heads, those of the system space last: a store that was destroyed half way is still known as
/// one.
fn partitions(store: &DynamoStore, shards: u16) -> Vec<(Space, String)> {
    let names = &store.single().wire.names;
    let mut all: Vec<_> = (0..shards).map(|n| (Space::User, names.heads(Space::User, n))).collect();
    all.push((Space::System, names.heads(Space::System, 0)));
    all
}

/// The first item that is no value.
async fn foreign(store: &DynamoStore, shards: u16) -> Result<Option<String>> {
    for (space, pk) in partitions(store, shards) {
        let mut pages = Pages::new(store, pk, "sk, h");
        while let Some(items) = pages.next().await? {
            for item in items {
                let sk = item::binary(&item, item::SK).unwrap_or_default();
                let is_key = str::from_utf8(sk).is_ok_and(|text| system::key_in(space, text).is_ok());
                if !is_key || item::binary(&item, HEAD).is_none() {
                    return Ok(Some(String::from_utf8_lossy(sk).into_owned()));
                }
            }
        }
    }
    Ok(None)
}

/// Removes every item of the namespace, the marker last.
async fn empty(store: &DynamoStore, shards: u16) -> Result<()> {
    let (single, op, call) = (store.single(), Op::Destroy, Call::default());
    for (_, pk) in partitions(store, shards) {
        let mut pages = Pages::new(store, pk, "pk, sk");
        while let Some(keys) = pages.next().await? {
            single.remove_all(op, &call, keys).await?;
        }
    }
    let mut pages = Pages::new(store, single.wire.names.sets(), "pk, sk, q, k, t, d, n, z");
    while let Some(items) = pages.next().await? {
        for item in items {
            match Set::of(&item) {
                Some(set) => single.remove_chunks(op, &call, &set.id, set.bound, true).await?,
                None => {
                    let sk = item::binary(&item, item::SK).unwrap_or_default();
                    single.remove_all(op, &call, vec![item::key(single.wire.names.sets(), sk)]).await?;
                }
            }
        }
    }
    single.remove_all(op, &call, vec![item::key(single.wire.names.marker(), ALONE)]).await
}
