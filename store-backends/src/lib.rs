//! Larder's stores: one folder, one feature and one URL scheme each.

#[cfg(any(feature = "s3", feature = "dynamodb"))]
mod aws;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(any(feature = "file", feature = "lmdb"))]
mod errno;
#[cfg(feature = "file")]
pub mod file;
#[cfg(any(feature = "file", feature = "lmdb"))]
#[allow(dead_code, reason = "until both backends use it")]
mod folder;
#[cfg(feature = "gs")]
pub mod gs;
#[cfg(feature = "lmdb")]
pub mod lmdb;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(any(feature = "s3", feature = "gs"))]
mod object;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "s3", feature = "gs", feature = "dynamodb", feature = "redis"))]
mod remote;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(any(feature = "s3", feature = "dynamodb", feature = "redis"))]
mod sending;

/// The backends that are compiled in.
pub fn registry() -> larder_store_core::Registry {
    #[allow(unused_mut, reason = "without a feature there is none")]
    let mut registry = larder_store_core::Registry::new();
    #[cfg(feature = "memory")]
    add(&mut registry, memory::MemoryBackend);
    #[cfg(feature = "file")]
    add(&mut registry, file::FileBackend);
    #[cfg(feature = "lmdb")]
    add(&mut registry, lmdb::LmdbBackend);
    #[cfg(feature = "s3")]
    add(&mut registry, s3::S3Backend);
    #[cfg(feature = "gs")]
    add(&mut registry, gs::GsBackend);
    #[cfg(feature = "redis")]
    add(&mut registry, redis::RedisBackend::PLAIN);
    #[cfg(feature = "redis")]
    add(&mut registry, redis::RedisBackend::ENCRYPTED);
    #[cfg(feature = "dynamodb")]
    add(&mut registry, dynamodb::DynamoBackend);
    registry
}

#[cfg(any(
    feature = "memory",
    feature = "file",
    feature = "lmdb",
    feature = "s3",
    feature = "gs",
    feature = "dynamodb",
    feature = "redis"
))]
fn add(registry: &mut larder_store_core::Registry, backend: impl larder_store_core::Backend) {
    registry.register(backend).expect("each of our schemes is its own");
}
