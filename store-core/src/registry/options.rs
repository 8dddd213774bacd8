//! How a store is opened.

use crate::env::Env;

/// What a store is opened as. Some take other defaults above another tier than alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Role {
    /// It stands alone.
    #[default]
    Alone,
    /// It is a tier above another one: a cache of what that one holds.
    Front,
    /// It is the last tier of a stack: the only source of truth.
    Origin,
}

/// Options of opening.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Whether a store that is missing is created (the default) or an error.
    pub create_if_missing: bool,
    /// What it is opened as.
    pub role: Role,
    /// The environment that the store runs in.
    pub env: Env,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions { create_if_missing: true, role: Role::default(), env: Env::system() }
    }
}

impl OpenOptions {
    /// The default ones.
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Whether a store that is missing is created.
    pub fn with_create_if_missing(mut self, create: bool) -> OpenOptions {
        self.create_if_missing = create;
        self
    }

    /// What the store is opened as.
    pub fn with_role(mut self, role: Role) -> OpenOptions {
        self.role = role;
        self
    }

    /// The environment that the store runs in.
    pub fn with_env(mut self, env: Env) -> OpenOptions {
        self.env = env;
        self
    }
}
