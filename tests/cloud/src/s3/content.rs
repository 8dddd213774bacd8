//! Bodies as the crate wants them.

use s3s::dto::StreamingBlob;
use s3s::stream::{ByteStream, RemainingLength};

use crate::content::Reader;

/// A body that is read from where it is kept.
pub(super) fn stream(reader: Reader) -> StreamingBlob {
    StreamingBlob::new(reader)
}

impl ByteStream for Reader {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(self.left() as usize)
    }
}
