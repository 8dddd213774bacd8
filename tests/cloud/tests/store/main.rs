//! The `s3:` store on two servers that disagree in their mistakes.

mod conformance;
mod requests;
mod subject;
