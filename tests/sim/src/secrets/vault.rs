//! A backend that wants secrets, as those of services will, and keeps its values in another store.

use std::sync::Arc;

use async_trait::async_trait;
use larder_store_core::config::{Param, StoreConfig};
use larder_store_core::{Backend, Destroy, Error, ErrorKind, Op, OpenOptions, Result, Store};

use crate::stores;

const USER: Param = Param { name: "user", about: "who asks", secret: false };
const PASSWORD: Param = Param { name: "password", about: "what they know", secret: true };
const TOKEN: Param = Param { name: "token", about: "what opens the door", secret: true };
const REGION: Param = Param { name: "region", about: "where", secret: false };
const INNER: Param = Param { name: "inner", about: "the URL of the store behind the door", secret: true };
const PIN: Param = Param { name: "pin", about: "a number that nobody else knows", secret: true };

/// Opens `vault:NAME?inner=…`.
#[derive(Debug)]
pub(super) struct Vault;

#[async_trait]
impl Backend for Vault {
    fn scheme(&self) -> &str {
        "vault"
    }

    fn params(&self) -> &[Param] {
        const { &[USER, PASSWORD, TOKEN, REGION, INNER, PIN] }
    }

    async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        let _ = config.number(&PIN, 0..=9999)?;
        let token = config.text(&TOKEN)?.ok_or_else(|| config.missing(&TOKEN))?;
        if token.is_empty() {
            return Err(Error::new(ErrorKind::Denied, Op::Open, "the token opens nothing"));
        }
        let inner = config.text(&INNER)?.ok_or_else(|| config.missing(&INNER))?;
        stores::registry().open_url(inner, options).await
    }

    async fn exists(&self, _: &StoreConfig, _: &OpenOptions) -> Result<bool> {
        Ok(true)
    }

    async fn destroy(&self, config: &StoreConfig, _: &OpenOptions) -> Result<Destroy> {
        Ok(Destroy::new(vec![format!("{config:?}")], async { Ok(()) }))
    }
}
