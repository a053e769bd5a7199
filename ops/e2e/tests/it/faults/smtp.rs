//! SMTP servers that hang, close, refuse and talk nonsense.

mod answers;
mod hangs;
mod refusals;
mod resets;
mod tls;

use domain::ids::{MessageId, SenderId};
use domain::messages::MessageState;
use e2e::System;
use store::messages::MessageView;
use testkit::until;

/// One message from this sender, scheduled and due.
async fn send(system: &System, sender: SenderId, to: &str) -> anyhow::Result<MessageId> {
    let row = system.build.message(sender, to);
    system.store.messages().enqueue_messages(system.tenant, std::slice::from_ref(&row)).await?;
    Ok(row.id)
}

async fn view(system: &System, message: MessageId) -> anyhow::Result<MessageView> {
    Ok(system.store.messages().find_message(system.tenant, message).await?.expect("stored"))
}

/// It was tried, is known not to have been sent, and waits for its next try.
async fn until_deferred(system: &System, message: MessageId, when: &str) {
    until(&format!("{when}: it waits for its next try"), async || {
        let view = view(system, message).await?;
        Ok(view.state == MessageState::Scheduled && view.tries == 1)
    })
    .await;
}

/// The connection over which the sink took a message.
fn connection(system: &System, message: MessageId) -> anyhow::Result<Option<usize>> {
    let events = system.sink.events()?;
    let taken = events.iter().find(|event| event.message.as_deref() == Some(&message.to_string()));
    Ok(taken.map(|event| event.connection))
}
