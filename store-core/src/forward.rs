//! A shared store is a store.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::call::Call;
use crate::env::BoxFuture;
use crate::error::Result;
use crate::front::{Objects, Usage};
use crate::guarantees::Guarantees;
use crate::key::Key;
use crate::layer::Layers;
use crate::options::{
    CopyOptions, DeleteItem, DeleteOptions, GetOptions, HeadOptions, ListOptions, PutItem, PutOptions, Step,
    SweepOptions,
};
use crate::outcome::{ByteStream, Copied, Got, Items, Listed, Removed, Swept, Transacted, Written};
use crate::store::Store;
use crate::store_id::StoreId;

// Written out, because `async_trait` would box each future a second time.
macro_rules! forward {
    ($($name:ident $([$($lt:lifetime),*])? ($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        $(fn $name<'s, $($($lt,)*)? 'f>(&'s self, $($arg: $type),*) -> BoxFuture<'f, $out>
        where
            's: 'f,
            $($($lt: 'f,)*)?
            Self: 'f,
        {
            (**self).$name($($arg),*)
        })*
    };
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn id(&self) -> &StoreId {
        (**self).id()
    }

    fn guarantees(&self) -> &Guarantees {
        (**self).guarantees()
    }

    fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>> {
        (**self).try_get(key, options)
    }

    fn objects(&self) -> Option<&dyn Objects> {
        (**self).objects()
    }

    fn folder(&self) -> Option<&Path> {
        (**self).folder()
    }

    fn layers(&self) -> Layers {
        (**self).layers()
    }

    fn usage(&self) -> Usage {
        (**self).usage()
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        (**self).list_opts(options)
    }

    forward! {
        get_opts['a, 'b](key: &'a Key, options: &'b GetOptions) -> Result<Got<Bytes>>;
        get_stream_opts['a, 'b](key: &'a Key, options: &'b GetOptions) -> Result<Got<ByteStream>>;
        head_opts['a, 'b](key: &'a Key, options: &'b HeadOptions) -> Result<Got<()>>;
        put_opts['a, 'b](key: &'a Key, value: Bytes, options: &'b PutOptions) -> Result<Written>;
        put_stream_opts['a, 'b](key: &'a Key, body: ByteStream, options: &'b PutOptions) -> Result<Written>;
        delete_opts['a, 'b](key: &'a Key, options: &'b DeleteOptions) -> Result<Removed>;
        get_many_opts['a, 'b](keys: &'a [Key], options: &'b GetOptions) -> Vec<Result<Got<Bytes>>>;
        put_many_opts['a](items: Vec<PutItem>, call: &'a Call) -> Vec<Result<Written>>;
        delete_many_opts['a](items: Vec<DeleteItem>, options: &'a DeleteOptions) -> Vec<Result<Removed>>;
        copy_opts['a, 'b, 'c](from: &'a Key, to: &'b Key, options: &'c CopyOptions) -> Result<Copied>;
        transact_opts['a](steps: Vec<Step>, call: &'a Call) -> Result<Transacted>;
        sweep['a](options: &'a SweepOptions) -> Result<Swept>;
        flush['a](call: &'a Call) -> Result<()>;
        drain['a](call: &'a Call) -> Result<()>;
        close['a](call: &'a Call) -> Result<()>;
    }
}
