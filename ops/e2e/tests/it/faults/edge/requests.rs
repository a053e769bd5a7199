//! Requests that mean two things at once.

use std::time::Duration;

use e2e::{Client, System};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Everything that comes back for these bytes, until the API closes or says nothing more for a moment.
async fn say(client: &Client, bytes: &[u8]) -> anyhow::Result<String> {
    let address = client.url.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).await?;
    // It may have answered and closed before all was written.
    let _ = stream.write_all(bytes).await;
    let (mut answer, mut piece) = (Vec::new(), [0; 16 * 1024]);
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(Duration::from_secs(2), stream.read(&mut piece)).await {
        answer.extend_from_slice(&piece[..count]);
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn statuses(answer: &str) -> Vec<u16> {
    let lines = answer.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    lines.filter_map(|rest| rest.split(' ').next()?.parse().ok()).collect()
}

#[tokio::test]
async fn e3_heads_beyond_their_bounds_or_against_the_rules_are_refused() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    let key = &client.key;
    let head = |more: &str| format!("GET /v1/queue HTTP/1.1\r\nHost: a\r\nX-API-Key: {key}\r\n{more}\r\n");
    assert_eq!(statuses(&say(&client, head("Connection: close\r\n").as_bytes()).await?), [200], "as it should be");
    let large = format!("X-Large: {}\r\n", "x".repeat(300 * 1024));
    let many = |count: usize| (0..count).map(|at| format!("X-Many-{at}: 1\r\n")).collect::<String>();
    for (name, sent, wanted) in [
        ("a header of 300 KiB", head(&large), vec![431]),
        ("10,000 headers", head(&many(10_000)), vec![431]),
        ("100 headers", head(&many(100)), vec![431]),
        ("a folded line", head("X-Folded: one\r\n two\r\n"), vec![400]),
        ("a space before the colon", head("X-Space : one\r\n"), vec![400]),
        ("a NUL", head("X-Nul: a\0b\r\n"), vec![400]),
        ("two lengths", head("Content-Length: 3\r\nContent-Length: 4\r\n"), vec![400]),
        ("an encoding that ends otherwise", head("Transfer-Encoding: chunked, gzip\r\n"), vec![400]),
    ] {
        let answer = say(&client, sent.as_bytes()).await?;
        // Whoever is still sending when it closes may see a reset instead of the answer.
        let reset = answer.is_empty() && sent.len() > 64 * 1024;
        assert!(reset || statuses(&answer) == wanted, "{name}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn e3_what_follows_a_request_of_two_lengths_is_never_read_as_another() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    let inner = "GET /v1/queue HTTP/1.1\r\nHost: a\r\n\r\n";
    for (name, lengths) in [
        ("length first", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        ("encoding first", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    ] {
        let smuggling = format!("POST /v1/messages HTTP/1.1\r\nHost: a\r\n{lengths}\r\n0\r\n\r\n{inner}");
        let answer = say(&client, smuggling.as_bytes()).await?;
        let answered = statuses(&answer);
        assert!(answered.len() == 1 && (400..500).contains(&answered[0]), "{name}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn e3_line_breaks_in_any_field_are_refused_and_never_answered_back() -> anyhow::Result<()> {
    let system = System::start().await?;
    let operator = system.operator_key().await?;
    let client = system.serve().await?.with_key(&operator);
    let injected = "x%0d%0aX-Injected:%20yes";
    for path in [
        format!("/v1/messages/{injected}"),
        format!("/v1/messages?state={injected}"),
        format!("/v1/messages?cursor={injected}"),
        format!("/v1/suppressions/{injected}"),
        format!("/v1/limits/{injected}"),
        format!("/{injected}"),
    ] {
        let answer = client.send("GET", &path, &[], "").await?;
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.text);
        assert!(answer.header("x-injected").is_none(), "{path}");
    }
    let message = || json!({"sender": system.sender, "to": "ann@recipients.example", "subject": "Hi", "text": "Hi"});
    for breaks in ["\r\n", "\n", "\r", "\0", "\u{2028}", "\u{85}"] {
        let evil = format!("a{breaks}Bcc: eve@example.com");
        for field in ["subject", "to", "reply_to"] {
            let mut body = message();
            body[field] = json!(evil);
            assert_eq!(client.post("/v1/messages", &body).await?.0.as_u16(), 400, "{field} {breaks:?}");
        }
        for (field, value) in
            [("headers", json!({"X-A": evil})), ("headers", json!({&evil: "b"})), ("tags", json!([evil]))]
        {
            let mut body = message();
            body[field] = value;
            assert_eq!(client.post("/v1/messages", &body).await?.0.as_u16(), 400, "{field} {breaks:?}");
        }
        let sender = json!({"address": "me@example.com", "display_name": evil, "smtp_host": "smtp.example.com"});
        assert_eq!(client.post("/v1/senders", &sender).await?.0.as_u16(), 400, "display_name {breaks:?}");
    }
    assert_eq!(system.database.count("SELECT count(*) FROM messages").await?, 0);
    Ok(())
}
