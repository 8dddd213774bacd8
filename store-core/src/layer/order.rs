//! Which layers a store has, and which must not lie around which.

use std::fmt;

use crate::error::{Error, ErrorKind, Op, Result};
use crate::store::Store;

/// The layers that a store consists of or stands on, as far as their order matters. See
/// [`Store::layers`](crate::Store::layers).
///
/// ```
/// use larder_store_core::layer::Layers;
/// let layers = Layers::LIMIT.with(Layers::RETRY);
/// assert!(layers.has(Layers::RETRY) && !layers.has(Layers::TIMEOUT));
/// assert_eq!(layers.to_string(), "limit, retry");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Layers(u8);

impl Layers {
    /// None of them.
    pub const NONE: Layers = Layers(0);
    /// [`Limit`](super::limit::Limit), or the like in a backend.
    pub const LIMIT: Layers = Layers(1);
    /// [`Retry`](super::retry::Retry), or the like in a backend.
    pub const RETRY: Layers = Layers(2);
    /// [`Timeout`](super::timeout::Timeout). Not what a backend does about one attempt by itself.
    pub const TIMEOUT: Layers = Layers(4);

    const NAMES: [(Layers, &str); 3] =
        [(Layers::LIMIT, "limit"), (Layers::RETRY, "retry"), (Layers::TIMEOUT, "timeout")];

    /// These and `more`.
    pub const fn with(self, more: Layers) -> Layers {
        Layers(self.0 | more.0)
    }

    /// Whether one of `these` is among them.
    pub const fn has(self, these: Layers) -> bool {
        self.0 & these.0 != 0
    }
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Layers::NAMES.iter().filter(|(layer, _)| self.has(*layer)).map(|(_, name)| *name);
        f.write_str(names.next().unwrap_or("none"))?;
        names.try_for_each(|name| write!(f, ", {name}"))
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layers({self})")
    }
}

/// Refuses `layer` around `inner` if `below` is beneath: `why` says what would go wrong.
pub(super) fn refuse<S: Store + ?Sized>(
    inner: &S,
    layer: &str,
    below: Layers,
    why: &str,
    hint: &'static str,
) -> Result<()> {
    if !inner.layers().has(below) {
        return Ok(());
    }
    let why = format!("a {layer} layer around a {below} layer: {why}");
    Err(Error::new(ErrorKind::Invalid, Op::Open, why).at(inner.id()).hint(hint))
}
