//! `google.storage.v2.Storage`, as far as the official crate calls it there.

mod buckets;
mod compose;
mod convert;
mod list;
mod objects;
mod rewrite;

use std::future::{Ready, ready};
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use googleapis_tonic_google_storage_v2::google::storage::v2 as proto;
use hyper::Request;
use prost::Message;
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use super::refusal::Refusal;
use super::server::Server;

/// What the path of a call begins with.
pub(super) const SERVICE: &str = "/google.storage.v2.Storage/";

/// A call whose answer is ready when it is asked for.
struct Unary<F>(F);

impl<Q, A, F> UnaryService<Q> for Unary<F>
where
    A: Message,
    F: FnMut(Q) -> Result<A, Refusal>,
{
    type Response = A;
    type Future = Ready<Result<tonic::Response<A>, Status>>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        ready((self.0)(request.into_inner()).map(tonic::Response::new).map_err(|refusal| refusal.status()))
    }
}

async fn unary<Q, A>(request: Request<Body>, answer: impl FnMut(Q) -> Result<A, Refusal>) -> Response
where
    Q: Message + Default + Send + 'static,
    A: Message + Default + Send + 'static,
{
    let mut grpc = Grpc::new(ProstCodec::<A, Q>::default());
    grpc.unary(Unary(answer), request).await.map(Body::new)
}

/// Answers a call.
pub(super) async fn call(server: &Arc<Server>, request: Request<Body>) -> Response {
    let method = request.uri().path().strip_prefix(SERVICE).unwrap_or("").to_owned();
    match method.as_str() {
        "ListObjects" => unary(request, |q| list::list(server, q)).await,
        "GetObject" => unary(request, |q| objects::get(server, q)).await,
        "DeleteObject" => unary(request, |q| objects::delete(server, q)).await,
        "UpdateObject" => unary(request, |q| objects::update(server, q)).await,
        "RewriteObject" => unary(request, |q| rewrite::rewrite(server, q)).await,
        "ComposeObject" => unary(request, |q| compose::compose(server, q)).await,
        "CreateBucket" => unary(request, |q| buckets::create(server, q)).await,
        "GetBucket" => unary(request, |q| buckets::get(server, q)).await,
        "ListBuckets" => unary(request, |q| buckets::list(server, q)).await,
        _ => refuse(Status::new(Code::Unimplemented, format!("The double does not offer {method}."))),
    }
}

/// A status and nothing else.
pub(super) fn refuse(status: Status) -> Response {
    status.into_http::<tonic::body::Body>().map(Body::new)
}

/// The name of a bucket, out of `projects/_/buckets/NAME`.
fn bucket_id(name: &str) -> Result<&str, Refusal> {
    let id = name.strip_prefix("projects/_/buckets/").filter(|id| !id.is_empty() && !id.contains('/'));
    id.ok_or_else(|| Refusal::Invalid(format!("{name:?} is no name of a bucket.")))
}

/// Refuses what the double does not offer.
fn without(given: bool, what: &str) -> Result<(), Refusal> {
    if given { Err(Refusal::Invalid(format!("The double offers no {what}."))) } else { Ok(()) }
}
