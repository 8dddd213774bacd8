//! Real Redis servers: one alone, one with TLS and an ACL, a cluster of six, and what stands on the way to them.
//!
//! `tests/run` installs the programs. Every server listens on a free port of 127.0.0.1 and keeps its data in a folder of its
//! own; it ends when it is dropped, and when the thread that started it ends.

mod cluster;
mod proxy;
mod server;
mod tls;

pub use cluster::Cluster;
pub use proxy::Proxy;
pub use server::{Programs, Server};
pub use tls::Certificates;
