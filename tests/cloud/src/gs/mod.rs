//! A strict Google Cloud Storage server for tests, in this process or as a program of its own.
//!
//! It speaks both halves of the service that the official crate uses: the JSON API for downloads and uploads (routed
//! by `axum`), and `google.storage.v2.Storage` for everything else (`tonic` on the messages of
//! `googleapis-tonic-google-storage-v2`). What they mean is decided here, after Google's public reference: "Objects:
//! get / insert" and "HTTP status and error codes" of the JSON API, "Resumable uploads", "Request preconditions",
//! "Composite objects", "Object Versioning", "V4 signing process", and the RPC reference. What the reference offers and
//! this does not is refused by name, never ignored.

mod apart;
mod bucket;
mod double;
mod faults;
mod gate;
mod grpc;
mod listing;
mod object;
mod operation;
mod options;
pub mod program;
mod refusal;
mod rest;
mod rewrite;
mod serve;
mod server;
mod session;
mod settings;
mod sums;
mod time;
mod unread;

pub use apart::Apart;
pub use double::Double;
pub use faults::{Fault, FaultPlan, Faults, When};
pub use options::DoubleOptions;
pub use settings::Obeys;
