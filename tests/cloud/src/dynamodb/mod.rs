//! Servers that stand in for DynamoDB: two emulators, each of which lacks something, and a proxy that does harm.

mod dynalite;
mod harm;
mod partial;
mod proxy;

pub use dynalite::Dynalite;
pub use harm::{Harm, Rule};
pub use proxy::Proxy;

/// The URL of a store in `place`, a table or a table and a namespace, where a service listens on this port. The emulators
/// take any key and any secret.
pub fn url(port: u16, place: &str) -> String {
    format!(
        "dynamodb://{place}?endpoint=http%3A//127.0.0.1%3A{port}&region=us-east-1&access_key=test&secret_key=test"
    )
}
