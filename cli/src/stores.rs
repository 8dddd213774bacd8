//! The stores of a command that has several, all closed at its end.

use std::sync::Arc;

use larder::Store;

use crate::cx::Cx;
use crate::error::Result;
use crate::open::{self, Make, Opened};
use crate::temp::Folder;

/// Stores that are open.
#[derive(Debug)]
pub(crate) struct Stores<'c> {
    cx: &'c Cx,
    opened: Vec<(String, Opened)>,
    folders: Vec<Folder>,
}

/// Runs `work`, and closes what it opened, however it ends.
pub(crate) async fn with<T>(cx: &Cx, work: impl AsyncFnOnce(&mut Stores<'_>) -> Result<T>) -> Result<T> {
    let mut stores = Stores { cx, opened: Vec::new(), folders: Vec::new() };
    let done = work(&mut stores).await;
    while let Some((_, opened)) = stores.opened.pop() {
        opened.close(cx).await;
    }
    done
}

impl Stores<'_> {
    /// Opens STORE; one that is named twice is opened once.
    pub(crate) async fn open(&mut self, text: &str, make: Make) -> Result<Arc<dyn Store>> {
        if let Some((_, opened)) = self.opened.iter().find(|(named, _)| named == text) {
            return Ok(opened.store.clone());
        }
        let opened = open::open(self.cx, text, make).await?;
        let store = opened.store.clone();
        self.opened.push((text.to_owned(), opened));
        Ok(store)
    }

    /// Takes in one that was opened otherwise, and the folder that it lies in, to be gone when it is closed.
    pub(crate) fn keep(&mut self, opened: Opened, folder: Option<Folder>) -> Arc<dyn Store> {
        let store = opened.store.clone();
        self.opened.push((String::new(), opened));
        self.folders.extend(folder);
        store
    }
}
