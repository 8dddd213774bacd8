//! The only place with `unsafe`: words in mapped memory, locks of open files, and the hook at forks.

mod fork;
mod lock;
mod words;

pub(crate) use fork::{forks, watch};
pub(crate) use lock::{is_locked, try_lock};
pub(crate) use words::Words;
