//! The `dynamodb:` store on two emulators, each of which lacks something, and behind a proxy that does what neither does.

mod conformance;
mod damaged;
mod expiry;
mod faults;
mod large;
mod lists;
mod namespaces;
mod probe;
mod requests;
mod schema;
mod servers;
mod subject;
mod sweep;
mod transact;
mod unprocessed;
