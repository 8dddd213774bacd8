//! The JSON API, as far as the official crate speaks it: downloads and uploads.

mod download;
mod multipart;
mod resource;
mod resumable;
mod signed;
mod upload;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::get;
use hyper::Method;

use super::refusal::Refusal;
use super::server::Server;
use words::Words;

/// The half of the service that HTTP reaches.
pub(super) fn router(server: Arc<Server>) -> Router {
    let upload = axum::routing::post(uploads).put(uploads).delete(uploads);
    Router::new()
        .route("/storage/v1/b/{bucket}/o/{object}", get(downloads))
        .route("/upload/storage/v1/b/{bucket}/o", upload)
        .fallback(others)
        .with_state(server)
}

fn told(answer: Result<Response, Refusal>) -> Response {
    answer.unwrap_or_else(|refusal| refusal.answer())
}

async fn downloads(
    State(server): State<Arc<Server>>,
    Path((bucket, object)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    told(
        Words::of(parts.uri.query())
            .and_then(|words| download::download(&server, &bucket, &object, words, &parts.headers)),
    )
}

async fn uploads(
    State(server): State<Arc<Server>>,
    Path(bucket): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let words = match Words::of(parts.uri.query()) {
        Ok(words) => words,
        Err(refusal) => return refusal.answer(),
    };
    told(upload::upload(&server, &bucket, parts, words, body).await)
}

/// Signed URLs have the form of the XML API; everything else is not there.
async fn others(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if signed::is_signed(&parts) {
        return told(signed::answer(&server, parts, body).await);
    }
    let what = format!("The double does not offer {} {}.", parts.method, parts.uri.path());
    match parts.method {
        Method::GET | Method::POST | Method::PUT | Method::DELETE | Method::HEAD => {
            Refusal::Unimplemented(what).answer()
        }
        _ => Response::new(Body::empty()),
    }
}
