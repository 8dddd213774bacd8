//! The `s3:` store on two servers that disagree in their mistakes.

mod conformance;
mod copies;
mod http;
mod moves;
mod presigned;
mod probe;
mod requests;
mod stored;
mod subject;
mod twice;
mod uploads;
mod versions;
