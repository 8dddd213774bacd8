//! Bytes of a connection, kept until a message is whole.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Messages are held in memory: what is larger is no message of a test.
const LARGEST: usize = 256 << 20;

#[derive(Debug)]
pub(super) struct Reader<R> {
    from: R,
    /// What was read and is not taken yet.
    held: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, held: Vec::new() }
    }

    /// Reads until at least `len` bytes are held. `false` if the other side ended before that.
    pub(super) async fn fill(&mut self, len: usize) -> io::Result<bool> {
        if len > LARGEST {
            return Err(io::Error::other("a message is too large"));
        }
        while self.held.len() < len {
            self.held.reserve((len - self.held.len()).max(16 << 10));
            if self.from.read_buf(&mut self.held).await? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The end of the first `needle` at or behind `from`, counted from the first byte that is held. `None` if the other side
    /// ended before it.
    pub(super) async fn end_of(&mut self, needle: &[u8], from: usize) -> io::Result<Option<usize>> {
        let mut at = from;
        loop {
            let found =
                self.held.get(at..).and_then(|rest| rest.windows(needle.len()).position(|w| w == needle));
            if let Some(found) = found {
                return Ok(Some(at + found + needle.len()));
            }
            at = self.held.len().saturating_sub(needle.len() - 1).max(from);
            if !self.fill(self.held.len() + 1).await? {
                return Ok(None);
            }
        }
    }

    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Takes the first bytes.
    pub(super) fn take(&mut self, len: usize) -> Vec<u8> {
        let rest = self.held.split_off(len);
        std::mem::replace(&mut self.held, rest)
    }

    /// Takes all until the other side ends.
    pub(super) async fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill(self.held.len() + 1).await? {}
        Ok(std::mem::take(&mut self.held))
    }
}

/// The other side ended within a message.
pub(super) fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended within a message")
}
