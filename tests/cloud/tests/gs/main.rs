//! The `gs:` store, and the double of its service.

mod chaos;
mod conformance;
mod copies;
mod crate_bug;
mod errors;
mod facts;
mod faults;
mod generations;
mod large;
mod namespaces;
mod presigned;
mod probe;
mod program;
mod real;
mod requests;
mod service;
mod subject;
mod tls;
mod uploads;
