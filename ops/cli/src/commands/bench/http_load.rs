//! Many connections that each send one request after another.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
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

    async fn speak(&self, place: u32, since: Instant) -> anyhow::Result<Vec<f64>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let (mut took_s, mut number) = (Vec::new(), u64::from(place));
        while since.elapsed() < self.lasts {
            let mut request =
                Request::post(&self.path).header("host", "localhost").header("content-type", "application/json");
            if let Some(key) = &self.key {
                request = request.header("x-api-key", key);
            }
            let request = request.body(Full::new(Bytes::from((self.body)(number))))?;
            let asked = Instant::now();
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            anyhow::ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
            took_s.push(asked.elapsed().as_secs_f64());
            number += u64::from(self.connections);
        }
        Ok(took_s)
    }
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
