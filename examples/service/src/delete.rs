//! `DELETE` of a key.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use larder::{DeleteOptions, Key, Store};

use crate::app::App;
use crate::etag;
use crate::get::named;
use crate::status::Failure;

/// Removes a value. One that is absent already is no error, unless a version of it was named.
pub(crate) async fn delete(
    State(app): State<App>,
    Path(key): Path<String>,
    request: HeaderMap,
) -> Result<StatusCode, Failure> {
    let key = Key::new(key)?;
    if request.contains_key(header::IF_NONE_MATCH) {
        return Err(Failure::bad("a delete takes no If-None-Match"));
    }
    let mut options = DeleteOptions::new().with_call(app.call());
    if let Some(names) = etag::names(&request, header::IF_MATCH)? {
        options.only = Some(named(&app, &key, names).await?.ok_or_else(Failure::precondition)?);
    }
    app.store.delete_opts(&key, &options).await?;
    Ok(StatusCode::NO_CONTENT)
}
