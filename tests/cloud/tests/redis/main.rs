//! The `redis:` store on real servers: one alone, one with TLS and an ACL, a cluster of six.

mod access;
mod cluster;
mod conformance;
mod failures;
mod large;
mod namespaces;
mod probe;
mod requests;
mod subject;
