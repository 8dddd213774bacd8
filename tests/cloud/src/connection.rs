//! One accepted connection, which can be cut from within a request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// The knife of one connection.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    resets: AtomicBool,
    asked: Notify,
}

impl Cut {
    /// Ends the connection, with an RST: what was not yet sent is lost.
    pub(crate) fn reset(&self) {
        self.resets.store(true, Ordering::Release);
        self.asked.notify_one();
    }

    /// Returns when the connection is to end.
    pub(crate) async fn asked(&self) {
        self.asked.notified().await;
    }
}

/// The socket. It says farewell as its [`Cut`] wants it.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    cut: Arc<Cut>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, cut: Arc<Cut>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, cut })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.cut.resets.load(Ordering::Acquire) {
            // A linger time of zero makes the close an RST.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
