use std::time::Duration;

use domain::messages::MessageState;
use e2e::System;
use testkit::sink::{Action, Moment};
use testkit::until;

fn reply(text: &str) -> Action {
    Action::Reply(text.to_owned())
}

#[tokio::test]
async fn after_six_tries_a_message_fails() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    system.sink.rule(Moment::Rcpt, None, None, reply("451 4.7.1 greylisted for ever"))?;
    let message = system.message("ann@recipients.example").await?;
    for tries in 1..=6 {
        until(&format!("try {tries}"), async || {
            let view = system.store.messages().find_message(system.tenant, message).await?.expect("stored");
            Ok(view.tries == tries)
        })
        .await;
        system.database.advance(Duration::from_secs(3 * 3_600)).await?;
    }
    system.until_state(message, MessageState::Failed).await;
    let view = system.store.messages().find_message(system.tenant, message).await?.expect("stored");
    assert_eq!(view.attempts.len(), 6);
    assert_eq!(view.attempts[5].outcome, "gave_up");
    Ok(())
}

#[tokio::test]
async fn a_sender_whose_own_fault_repeats_is_paused_and_its_recipients_are_spared() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    system.sink.rule(Moment::Mail, None, None, reply("553 5.1.8 your domain does not exist"))?;
    let messages = [
        system.message("a@recipients.example").await?,
        system.message("b@recipients.example").await?,
        system.message("c@recipients.example").await?,
    ];
    let paused = "SELECT count(*) FROM senders WHERE pause_reason = 'sender_rejected'";
    until("the sender is paused", async || Ok(system.database.count(paused).await? == 1)).await;
    for message in messages {
        system.until_state(message, MessageState::Scheduled).await;
    }
    assert_eq!(system.database.count("SELECT count(*) FROM suppressions").await?, 0);
    Ok(())
}
