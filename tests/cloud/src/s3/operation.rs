//! Which operation a request asks for, before anything else is known about it.

use hyper::Method;
use hyper::http::request::Parts;

/// The name that S3 gives to the operation.
pub(super) fn operation(request: &Parts) -> &'static str {
    let copies = request.headers.contains_key("x-amz-copy-source");
    named(&request.method, request.uri.path(), request.uri.query().unwrap_or(""), copies)
}

/// The same of a request that is only bytes: its method, its target, and whether it names a source to copy.
pub(crate) fn operation_of(method: &str, target: &str, copies: bool) -> &'static str {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Method::try_from(method).map_or("Other", |method| named(&method, path, query, copies))
}

fn named(method: &Method, path: &str, query: &str, copies: bool) -> &'static str {
    let path = path.trim_start_matches('/');
    let has_key = path.split_once('/').is_some_and(|(_, key)| !key.is_empty());
    let asked = |name: &str| query.split('&').any(|one| one.split('=').next() == Some(name));
    match (method, path.is_empty(), has_key) {
        (&Method::GET, true, _) => "ListBuckets",
        (&Method::GET, _, false) if asked("uploads") => "ListMultipartUploads",
        (&Method::GET, _, false) if asked("list-type") => "ListObjectsV2",
        (&Method::GET, _, false) if asked("location") => "GetBucketLocation",
        (&Method::GET, _, false) => "ListObjects",
        (&Method::HEAD, _, false) => "HeadBucket",
        (&Method::PUT, _, false) => "CreateBucket",
        (&Method::DELETE, _, false) => "DeleteBucket",
        (&Method::POST, _, false) if asked("delete") => "DeleteObjects",
        (&Method::GET, _, true) if asked("uploadId") => "ListParts",
        (&Method::GET, _, true) => "GetObject",
        (&Method::HEAD, _, true) => "HeadObject",
        (&Method::PUT, _, true) if asked("uploadId") && copies => "UploadPartCopy",
        (&Method::PUT, _, true) if asked("uploadId") => "UploadPart",
        (&Method::PUT, _, true) if copies => "CopyObject",
        (&Method::PUT, _, true) => "PutObject",
        (&Method::POST, _, true) if asked("uploads") => "CreateMultipartUpload",
        (&Method::POST, _, true) if asked("uploadId") => "CompleteMultipartUpload",
        (&Method::DELETE, _, true) if asked("uploadId") => "AbortMultipartUpload",
        (&Method::DELETE, _, true) => "DeleteObject",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    #[test]
    fn every_operation_has_its_name() {
        let cases = [
            ("GET", "/b/k", "GetObject"),
            ("GET", "/b//", "GetObject"),
            ("HEAD", "/b/k", "HeadObject"),
            ("PUT", "/b/k", "PutObject"),
            ("PUT", "/b/k?partNumber=1&uploadId=x", "UploadPart"),
            ("POST", "/b/k?uploads", "CreateMultipartUpload"),
            ("POST", "/b/k?uploadId=x", "CompleteMultipartUpload"),
            ("DELETE", "/b/k?uploadId=x", "AbortMultipartUpload"),
            ("DELETE", "/b/k?x-id=DeleteObject", "DeleteObject"),
            ("GET", "/b/k?uploadId=x", "ListParts"),
            ("GET", "/b?uploads", "ListMultipartUploads"),
            ("GET", "/b/?list-type=2&prefix=a", "ListObjectsV2"),
            ("GET", "/b", "ListObjects"),
            ("POST", "/b?delete", "DeleteObjects"),
            ("HEAD", "/b", "HeadBucket"),
            ("PUT", "/b/", "CreateBucket"),
            ("DELETE", "/b", "DeleteBucket"),
            ("GET", "/", "ListBuckets"),
        ];
        for (method, uri, name) in cases {
            let (parts, ()) = Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
            assert_eq!(operation(&parts), name, "{method} {uri}");
        }
    }
}
