//! A TLS provider for the clients, which panic without one, for plain HTTP too.

use rustls::crypto::{CryptoProvider, ring};

/// Sees to it that the process has a provider: the one that is there, else ring's. Never replaces one.
pub(super) fn provide() {
    if CryptoProvider::get_default().is_none() {
        // Who is refused lost a race, and then there is one too.
        let _ = ring::default_provider().install_default();
    }
}
