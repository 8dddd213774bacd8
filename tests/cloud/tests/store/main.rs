//! The `s3:` store on two servers that disagree in their mistakes.

mod conformance;
mod probe;
mod requests;
mod subject;
