//! Callers who take their time, and too many of them.

use std::time::{Duration, Instant};

use api::ApiOptions;
use e2e::System;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn closed_within(stream: &mut TcpStream, patience: Duration) -> anyhow::Result<Duration> {
    let since = Instant::now();
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = tokio::time::timeout(patience, stream.read_to_end(&mut answer)).await?;
    Ok(since.elapsed())
}

#[tokio::test]
async fn e6_who_never_finishes_his_request_is_let_go() -> anyhow::Result<()> {
    let system = System::start().await?;
    let half_a_second = Duration::from_millis(500);
    let options = ApiOptions { patience: half_a_second, answer_within: half_a_second, ..ApiOptions::default() };
    let client = system.serve_with(options).await?;
    let address = client.url.strip_prefix("http://").expect("an address");
    let head = format!("POST /v1/messages HTTP/1.1\r\nHost: a\r\nX-API-Key: {}\r\n", client.key);
    for begun in [
        String::new(),
        "GET /v1/queue HTTP/1.1\r\nHost: a\r\nX-Slow: ".to_owned(),
        format!("{head}Content-Length: 100\r\n\r\n{{\"to\":"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\n{{\"to"),
    ] {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(begun.as_bytes()).await?;
        let took = closed_within(&mut stream, Duration::from_secs(10)).await?;
        assert!(took < Duration::from_secs(8), "{begun:?}: {took:?}");
    }
    Ok(())
}

#[tokio::test]
async fn e6_connections_beyond_the_bound_wait_and_are_served_when_one_ends() -> anyhow::Result<()> {
    let system = System::start().await?;
    let options = ApiOptions { connections_max: 2, patience: Duration::from_secs(60), ..ApiOptions::default() };
    let client = system.serve_with(options).await?;
    let address = client.url.strip_prefix("http://").expect("an address");
    let first = TcpStream::connect(address).await?;
    let _second = TcpStream::connect(address).await?;
    let waiting = {
        let client = client.clone();
        tokio::spawn(async move { client.send("GET", "/v1/queue", &[], "").await })
    };
    let early = tokio::time::timeout(Duration::from_millis(300), async {
        while !waiting.is_finished() {
            tokio::task::yield_now().await
        }
    });
    assert!(early.await.is_err(), "both places are taken");
    drop(first);
    assert_eq!(waiting.await??.status, 200);
    Ok(())
}

#[tokio::test]
async fn e6_a_byte_now_and_then_does_not_stretch_a_request() -> anyhow::Result<()> {
    let system = System::start().await?;
    let half_a_second = Duration::from_millis(500);
    let options = ApiOptions { patience: half_a_second, answer_within: half_a_second, ..ApiOptions::default() };
    let client = system.serve_with(options).await?;
    let address = client.url.strip_prefix("http://").expect("an address");
    for begun in [
        "GET /v1/queue HTTP/1.1\r\nHost: a\r\nX-Slow: ".to_owned(),
        format!("POST /v1/messages HTTP/1.1\r\nHost: a\r\nX-API-Key: {}\r\nContent-Length: 10000\r\n\r\n", client.key),
    ] {
        let since = Instant::now();
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(begun.as_bytes()).await?;
        let (mut hear, mut say) = stream.split();
        let dribble = async {
            while say.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let mut answer = Vec::new();
        tokio::select! {
            () = dribble => {}
            _ = hear.read_to_end(&mut answer) => {}
        }
        assert!(since.elapsed() < Duration::from_secs(8), "{begun:?}: {:?}", since.elapsed());
    }
    Ok(())
}

#[tokio::test]
async fn e6_hundreds_of_idle_connections_are_let_go_and_everybody_is_served() -> anyhow::Result<()> {
    let system = System::start().await?;
    let options = ApiOptions { connections_max: 64, patience: Duration::from_millis(500), ..ApiOptions::default() };
    let client = system.serve_with(options).await?;
    let address = client.url.strip_prefix("http://").expect("an address");
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(TcpStream::connect(address).await?);
    }
    assert_eq!(client.send("GET", "/v1/queue", &[], "").await?.status, 200);
    for mut stream in idle {
        closed_within(&mut stream, Duration::from_secs(10)).await?;
    }
    Ok(())
}
