//! The S3 double, asked by the SDK that its users ask it with, and by bytes on a socket.
#![allow(clippy::disallowed_methods, reason = "real clocks, sockets and threads are what this is for")]

mod buckets;
mod client;
mod conditions;
mod copies;
mod credentials;
mod faults;
mod lists;
mod ministack;
mod objects;
mod program;
mod rights;
mod uploads;
