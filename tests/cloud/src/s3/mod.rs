//! A strict S3 server for tests, in this process or as a program of its own.
//!
//! The wire (routes, XML, signatures) is the crate `s3s`; what S3 means is decided here, after what the service is
//! documented and measured to answer.

mod access;
mod answer;
mod apart;
mod api;
mod bucket;
mod clock;
mod content;
mod credentials;
mod describe;
mod double;
mod etag;
mod faults;
mod gate;
mod keys;
mod listing;
mod object;
mod operation;
mod options;
pub mod program;
mod receive;
mod serve;
mod server;
mod settings;
mod sums;
mod upload;

pub use apart::Apart;
pub use double::{Double, KeptWith};
pub use faults::{Fault, FaultPlan, Faults, When};
pub(crate) use operation::operation_of;
pub use options::DoubleOptions;
pub use settings::{Conditions, Rights};
