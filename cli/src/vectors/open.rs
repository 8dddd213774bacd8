//! From a store to the collection that is in it.

use std::sync::Arc;
use std::time::Duration;

use larder::vector::{Collection, CollectionOptions, Role, Schema};
use larder::{Call, Op, Store};

use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::open::Make;
use crate::stores;

/// How long closing may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs `work` on the collection of STORE, opened to be read as it is now.
pub(crate) async fn with<T>(
    cx: &Cx,
    text: &str,
    work: impl AsyncFnOnce(&Collection) -> Result<T>,
) -> Result<T> {
    stores::with(cx, async |stores| {
        let store = stores.open(text, Make::Never).await?;
        let places = cx.until_cancelled(reader(cx, &store)).await??;
        let done = work(&places).await;
        close(cx, &places).await;
        done
    })
    .await
}

/// Opens the collection of a store to read it.
pub(crate) async fn reader(cx: &Cx, store: &Arc<dyn Store>) -> Result<Collection> {
    if Collection::find(store, &cx.call()).await?.is_none() {
        let why = format!("there is no collection of vectors in {}", store.id());
        return Err(Failure::usage(why).hint("larder vector import makes one"));
    }
    let options = options(cx).with_role(Role::Reader).with_follow(Duration::ZERO);
    Ok(Collection::open(store.clone(), options).await?)
}

/// Opens the collection of a store to write it, and makes it if there is none.
pub(crate) async fn writer(cx: &Cx, store: &Arc<dyn Store>, schema: Schema) -> larder::Result<Collection> {
    Collection::open(store.clone(), options(cx).with_schema(schema)).await
}

/// Nothing is done but what is asked for.
pub(crate) fn options(cx: &Cx) -> CollectionOptions {
    CollectionOptions::new().with_background(false).with_env(cx.env.clone()).with_call(cx.call())
}

/// Lets it go: what is under way ends soon, and what was written is durable already.
pub(crate) async fn close(cx: &Cx, places: &Collection) {
    let call = Call::within(&cx.env, PATIENCE);
    if let Err(error) = call.guard(&cx.env, Op::Close, places.close()).await {
        cx.out.note(error.to_string());
    }
}
