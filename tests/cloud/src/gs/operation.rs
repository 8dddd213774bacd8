//! Which operation a request asks for, before anything else is known about it.

use hyper::Method;
use hyper::http::request::Parts;

use super::grpc::SERVICE;

/// The methods of gRPC that are known by name.
const METHODS: [&str; 12] = [
    "ListObjects",
    "GetObject",
    "DeleteObject",
    "UpdateObject",
    "RewriteObject",
    "ComposeObject",
    "CreateBucket",
    "GetBucket",
    "ListBuckets",
    "BidiReadObject",
    "BidiWriteObject",
    "MoveObject",
];

/// Its name: gRPC's own, and for REST `ReadObject`, `InsertObject`, `StartUpload`, `UploadPiece`, `QueryUpload`,
/// `CancelUpload`, `SignedGet` and `SignedPut`.
pub(super) fn operation(request: &Parts) -> &'static str {
    let path = request.uri.path();
    if let Some(method) = path.strip_prefix(SERVICE) {
        return METHODS.into_iter().find(|known| *known == method).unwrap_or("Other");
    }
    let query = request.uri.query().unwrap_or("");
    let asks = |pair: &str| query.split('&').any(|one| one == pair);
    let asks_status = request.headers.get("content-range").is_some_and(|range| range == "bytes */*");
    let signed = query.contains("X-Goog-Signature=");
    match (&request.method, path.starts_with("/upload/")) {
        (&Method::GET, _) if signed => "SignedGet",
        (&Method::PUT, _) if signed => "SignedPut",
        (&Method::GET, false) if asks("alt=media") => "ReadObject",
        (&Method::POST, true) if asks("uploadType=multipart") => "InsertObject",
        (&Method::POST, true) if asks("uploadType=resumable") => "StartUpload",
        (&Method::PUT, true) if asks_status => "QueryUpload",
        (&Method::PUT, true) => "UploadPiece",
        (&Method::DELETE, true) => "CancelUpload",
        _ => "Other",
    }
}

/// Whether a request of REST has a condition on what it writes.
pub(super) fn conditional(request: &Parts) -> bool {
    request.uri.query().is_some_and(|query| query.contains("ifGeneration"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    #[test]
    fn every_operation_has_its_name() {
        let cases = [
            ("GET", "/storage/v1/b/b/o/a%2Fb?alt=media&generation=7", "ReadObject"),
            ("POST", "/upload/storage/v1/b/b/o?uploadType=multipart&name=x", "InsertObject"),
            ("POST", "/upload/storage/v1/b/b/o?uploadType=resumable&name=x", "StartUpload"),
            ("PUT", "/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=x", "UploadPiece"),
            ("DELETE", "/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=x", "CancelUpload"),
            ("POST", "/google.storage.v2.Storage/ListObjects", "ListObjects"),
            ("POST", "/google.storage.v2.Storage/Whatever", "Other"),
            ("GET", "/b/o?X-Goog-Signature=00", "SignedGet"),
            ("GET", "/", "Other"),
        ];
        for (method, uri, name) in cases {
            let (parts, ()) = Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
            assert_eq!(operation(&parts), name, "{method} {uri}");
        }
        let query = Request::builder().method("PUT").uri("/upload/x").header("content-range", "bytes */*");
        assert_eq!(operation(&query.body(()).unwrap().into_parts().0), "QueryUpload");
    }
}
