//! Many connections that each send one request after another.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Where and what. `body` is given the number of the request, which is never used twice.
pub struct HttpLoad<F> {
    pub address: SocketAddr,
    pub path: String,
    pub key: Option<String>,
    pub connections: u32,
    pub lasts: Duration,
    pub body: F,
}

/// Seconds that each answered request took, and how long it all lasted.
pub struct HttpTimes {
    pub took_s: Vec<f64>,
    pub lasted_s: f64,
}

impl<F: Fn(u64) -> String + Send + Sync + 'static> HttpLoad<F> {
    /// Any answer but a 2xx ends it with an error.
    pub async fn run(self) -> anyhow::Result<HttpTimes> {
        let (load, since, mut connections) = (Arc::new(self), Instant::now(), JoinSet::new());
        for place in 0..load.connections {
            let load = Arc::clone(&load);
            connections.spawn(async move { load.speak(place, since).await });
        }
        let mut took_s = Vec::new();
        while let Some(spoken) = connections.join_next().await {
            took_s.extend(spoken??);
        }
        Ok(HttpTimes { took_s, lasted_s: since.elapsed().as_secs_f64() })
    }

    /// Written and read by hand: what the load itself costs is taken from the servers that are compared.
    async fn speak(&self, place: u32, since: Instant) -> anyhow::Result<Vec<f64>> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let key = self.key.as_ref().map(|key| format!("x-api-key: {key}\r\n")).unwrap_or_default();
        let head = format!("POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{key}", self.path);
        let (mut took_s, mut number) = (Vec::new(), u64::from(place));
        let (mut request, mut answer) = (Vec::new(), Vec::new());
        while since.elapsed() < self.lasts {
            let body = (self.body)(number);
            request.clear();
            write!(request, "{head}content-length: {}\r\n\r\n{body}", body.len())?;
            let asked = Instant::now();
            stream.write_all(&request).await?;
            read_answer(&mut stream, &mut answer).await?;
            took_s.push(asked.elapsed().as_secs_f64());
            number += u64::from(self.connections);
        }
        Ok(took_s)
    }
}

/// Reads one whole answer; one that is no 2xx, or does not say how long it is, is an error.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<()> {
    answer.clear();
    let mut whole = None;
    while whole.is_none_or(|whole| answer.len() < whole) {
        anyhow::ensure!(stream.read_buf(answer).await? > 0, "the server hung up");
        if whole.is_none()
            && let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = std::str::from_utf8(&answer[..end])?;
            anyhow::ensure!(head.starts_with("HTTP/1.1 2"), "{}", String::from_utf8_lossy(answer));
            let length = head.lines().filter_map(|line| line.split_once(':'));
            let mut length =
                length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, value)| value);
            let length: usize = length.next().context("the answer has a length")?.trim().parse()?;
            whole = Some(end + 4 + length);
        }
    }
    Ok(())
}

/// A URL of plain HTTP on this machine, as address and path.
pub fn on_loopback(url: &str) -> anyhow::Result<(SocketAddr, String)> {
    let rest = url.strip_prefix("http://").context("the URL begins with http://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address: SocketAddr = host.parse().context("the URL names an address and a port of loopback")?;
    ensure_loopback(address)?;
    Ok((address, format!("/{path}")))
}

pub fn ensure_loopback(address: SocketAddr) -> anyhow::Result<()> {
    anyhow::ensure!(address.ip().is_loopback(), "{address} is not on this machine: a load is sent to loopback only");
    Ok(())
}
