//! The `s3:` store on two servers that disagree in their mistakes.

mod conformance;
mod moves;
mod probe;
mod requests;
mod subject;
mod twice;
