//! How options are made.

/// Writes `new` and the `with_…` methods of options that have a default, for this workspace's crates.
#[doc(hidden)]
#[macro_export]
macro_rules! setters {
    ($options:ident { $($(#[$doc:meta])* $setter:ident: $field:ident = $type:ty => $value:expr,)* }) => {
        impl $options {
            /// The default ones.
            pub fn new() -> $options {
                $options::default()
            }
            $($(#[$doc])*
            pub fn $setter(mut self, $field: $type) -> $options {
                self.$field = $value;
                self
            })*
        }
    };
}
