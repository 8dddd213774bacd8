//! Test servers that stand in for clouds.
//!
//! [`s3::Double`] is an S3 server in this process: it checks signatures, decides conditions under one lock, counts
//! requests and connections, and does harm on the wire when it is asked to. The binary `larder-s3-double` is the same
//! server for other processes. `gs::Double` and `larder-gs-double` are the same for Google Cloud Storage, REST and gRPC.
//! [`proxy::Proxy`] does harm before any server.
#![allow(clippy::disallowed_methods, reason = "a server runs on real clocks, sockets and threads of its own")]

pub mod child;
mod connection;
mod content;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
pub mod faults;
#[cfg(feature = "gs")]
pub mod gs;
pub mod installed;
mod lock;
pub mod ministack;
pub mod port;
mod program;
pub mod proxy;
#[cfg(feature = "redis")]
pub mod redis;
pub mod s3;
pub mod served;
mod traffic;

/// What goes wrong in a test server itself.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
