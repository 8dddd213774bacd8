//! Reads of what is in memory already: values in a map of this process, values in pages that the system has cached.

mod lmdb;
mod memory;

use crate::context::Context;
use crate::error::Result;

pub(crate) const NAME: &str = "warm";

pub(crate) fn run(context: &mut Context) -> Result<()> {
    lmdb::run(context)?;
    memory::run(context)
}
