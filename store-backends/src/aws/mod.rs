//! What the stores on services of AWS share: who signs, the SDK's client, and what its errors mean.

pub(crate) mod access;
pub(crate) mod client;
pub(crate) mod error;

pub(crate) use access::Access;
pub(crate) use client::{Client, Live, Service};
