//! What is written to: a store, or a stack of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use larder_store_core::Store;
use larder_store_core::config::StoreConfig;
use larder_tiered::TieredStore;

use super::mutant::Mutant;
use crate::Outcome;
use crate::args::Args;
use crate::posing::Posing;
use crate::stores::{self, StackSetup};

/// What is written to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its URL, or stack string.
    pub text: String,
    /// The folder that everything of it is in; a stack has the front that processes share in `front`.
    pub folder: PathBuf,
    /// For a stack: how long doubt lasts.
    pub window: Option<Duration>,
}

/// It is open.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    /// Where writes go: to the same, unless the worker is broken.
    pub(super) writes: Arc<dyn Store>,
    pub(super) stack: Option<TieredStore>,
}

impl Target {
    /// A store in a folder of its own.
    ///
    /// # Errors
    /// One without a folder.
    pub fn store(config: &StoreConfig) -> Outcome<Target> {
        Ok(Target { text: stores::url(config), folder: config.path()?.into(), window: None })
    }

    /// Where the front is that processes share, if it is a stack.
    pub(super) fn front(&self) -> Option<PathBuf> {
        self.window.map(|_| self.folder.join("front"))
    }

    /// The arguments by which a child finds it.
    pub(super) fn args(&self) -> Vec<String> {
        let mut args = vec!["--url".to_owned(), self.text.clone()];
        if let Some(window) = self.window {
            args.extend(["--window".to_owned(), window.as_micros().to_string()]);
        }
        args
    }

    /// What those arguments say.
    pub(super) fn take(args: &mut Args) -> Outcome<Target> {
        let text = args.need("url")?;
        let window = args.text("window")?.map(|micros| micros.parse()).transpose()?;
        Ok(Target { text, folder: PathBuf::new(), window: window.map(Duration::from_micros) })
    }

    /// Opens it, as a worker does that is broken in this way.
    pub(super) async fn open(&self, mutant: Mutant) -> Outcome<Opened> {
        let Some(window) = self.window else {
            let store = stores::open(&StoreConfig::parse(&self.text)?).await?;
            return Ok(Opened { writes: store.clone(), store, stack: None });
        };
        let mut setup = StackSetup::new(&*self.text, window);
        if mutant == Mutant::OwnFence {
            setup.wrap = Some(Arc::new(|_, front| Arc::new(Posing::new(front).private())));
        }
        let (stack, origin) = setup.open().await?;
        let store: Arc<dyn Store> = Arc::new(stack.clone());
        let writes = if mutant == Mutant::PastFence { origin } else { store.clone() };
        Ok(Opened { store, writes, stack: Some(stack) })
    }
}
