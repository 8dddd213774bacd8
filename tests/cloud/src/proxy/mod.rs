//! A proxy that does harm on the way to any server, whose own mistakes stay its own.
//!
//! It reads a request to its end, decides, and passes request and answer on as they are, byte for byte. What it knows of a
//! protocol is where a message ends, what the operation is called, and how the service says no: HTTP/1.1 (S3, DynamoDB, the
//! REST half of GCS) and RESP (Redis). Each connection of a client has one of its own to the server, so that what belongs to a connection
//! (credentials, a database) stays there.
//!
//! ```no_run
//! use larder_cloud_tests::proxy::{Harm, Plan, Proxy, Speech};
//! # let server = "127.0.0.1:6379".parse().unwrap();
//! let proxy = Proxy::start(server, Speech::Resp).unwrap();
//! proxy.harm(Plan::new(7).with(Harm::ResetAfter, 0.05));
//! println!("redis://{}", proxy.address());
//! ```

mod connection;
mod guarded;
mod harm;
mod http;
mod plan;
mod reader;
mod resp;
mod server;
mod speech;

pub use harm::Harm;
pub use plan::Plan;
pub use server::Proxy;
pub use speech::Speech;
