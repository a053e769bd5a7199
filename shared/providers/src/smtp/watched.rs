use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const FINAL_DOT: &[u8] = b"\r\n.\r\n";

/// Remembers whether the final dot was ever handed to the socket: if not, the mail was certainly not accepted.
///
/// Under TLS it sees ciphertext and knows nothing; the session then assumes the worst.
#[derive(Debug)]
pub(super) struct Watched {
    stream: TcpStream,
    dot_begun: Arc<AtomicBool>,
}

impl Watched {
    pub(super) fn new(stream: TcpStream) -> (Self, Arc<AtomicBool>) {
        let dot_begun = Arc::new(AtomicBool::new(false));
        (Self { stream, dot_begun: Arc::clone(&dot_begun) }, dot_begun)
    }
}

impl AsyncTokioStream for Watched {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if FINAL_DOT.ends_with(bytes) || bytes.ends_with(FINAL_DOT) {
            self.dot_begun.store(true, Ordering::Relaxed);
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
