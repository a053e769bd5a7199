//! A 2xx is answered only after the row is committed.

use e2e::System;
use serde_json::json;
use sqlx::Connection;

#[tokio::test]
async fn nothing_is_accepted_while_its_row_cannot_be_committed() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    let mut holder = system.database.connection().await?;
    let mut held = holder.begin().await?;
    // Whoever wants to insert waits, until its patience is over.
    sqlx::query("LOCK TABLE messages IN SHARE ROW EXCLUSIVE MODE").execute(&mut *held).await?;
    let message = json!({"sender": system.sender, "to": "ann@recipients.example", "subject": "Hi", "text": "Hi"});
    let (message, batch) = (message.to_string(), json!({"messages": [message, message]}).to_string());
    let ask = async || {
        let (one, many) = ([("Idempotency-Key", "one")], [("Idempotency-Key", "many")]);
        tokio::try_join!(
            client.send("POST", "/v1/messages", &one, message.clone()),
            client.send("POST", "/v1/messages/batch", &many, batch.clone())
        )
    };
    let (one, many) = ask().await?;
    assert!(one.status >= 500 && many.status >= 500, "{} {}, {} {}", one.status, one.text, many.status, many.text);
    assert_eq!(system.database.count("SELECT count(*) FROM messages").await?, 0);

    held.rollback().await?;
    let (one, many) = ask().await?;
    assert_eq!((one.status, many.status), (202, 202), "{} {}", one.text, many.text);
    assert_eq!(system.database.count("SELECT count(*) FROM messages").await?, 3);
    Ok(())
}
