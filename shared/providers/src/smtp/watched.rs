use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::heard::Heard;

const FINAL_DOT: &[u8] = b"\r\n.\r\n";

/// Remembers whether the final dot was ever handed to the socket: if not, the mail was certainly not accepted.
///
/// Under TLS it sees ciphertext and knows nothing; the session then assumes the worst.
#[derive(Debug)]
pub(super) struct Watched {
    stream: TcpStream,
    dot_begun: Arc<AtomicBool>,
    byte_by_byte: Arc<AtomicBool>,
    heard: Heard,
}

/// The outside ends of a watched stream.
pub(super) struct Watching {
    pub dot_begun: Arc<AtomicBool>,
    /// While set, a read gives one byte. Before STARTTLS nothing may be read ahead: what somebody in between slips in
    /// behind the server's go-ahead would be taken for replies that came under TLS.
    pub byte_by_byte: Arc<AtomicBool>,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, byte_by_byte: bool) -> (Self, Watching) {
        let watching = Watching {
            dot_begun: Arc::new(AtomicBool::new(false)),
            byte_by_byte: Arc::new(AtomicBool::new(byte_by_byte)),
        };
        let (dot_begun, byte_by_byte) = (Arc::clone(&watching.dot_begun), Arc::clone(&watching.byte_by_byte));
        (Self { stream, dot_begun, byte_by_byte, heard: Heard::default() }, watching)
    }
}

impl AsyncTokioStream for Watched {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.byte_by_byte.load(Ordering::Relaxed) {
            let mut byte = [0];
            let mut small = ReadBuf::new(&mut byte);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut small))?;
            buf.put_slice(small.filled());
        } else {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        }
        Poll::Ready(self.heard.count(buf.filled().len() - before))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        // Content and dot come as one write, of which the socket may take a part.
        let dot = if bytes.ends_with(FINAL_DOT) { FINAL_DOT.len() } else { bytes.len() };
        if let Poll::Ready(Ok(count)) = written
            && (bytes.ends_with(FINAL_DOT) || FINAL_DOT.ends_with(bytes))
            && count > bytes.len() - dot
        {
            self.dot_begun.store(true, Ordering::Relaxed);
        }
        self.heard.spoke();
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
