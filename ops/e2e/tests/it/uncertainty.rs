use std::time::Duration;

use domain::messages::MessageState;
use domain::messages::resolve_uncertain::UncertainPolicy;
use e2e::System;
use orchestrator::{BeatPulse, Parts, Reconciler, ResolveUncertain};
use runtime::Ids;
use testkit::SinkOptions;
use testkit::sink::{Action, Moment};

const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn resolve(system: &System) -> anyhow::Result<()> {
    let parts = Parts::new(system.store.clone(), system.queue.clone(), Ids::system());
    testkit::until("it leads", async || Ok(parts.leadership.stand().await?.is_some())).await;
    BeatPulse::new(parts.clone()).run_once().await?;
    ResolveUncertain::new(parts).run_once().await?;
    Ok(())
}

#[tokio::test]
async fn a_lost_answer_is_shown_and_not_resent_and_ends_as_unknown() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let orchestrator = system.orchestrate()?;
    system.until_led().await;
    let worker = system.work()?;
    system.sink.rule(Moment::Dot, None, Some(1), Action::AcceptAndClose)?;
    let message = system.message("ann@recipients.example").await?;
    system.until_state(message, MessageState::Uncertain).await;
    worker.stop().await?;
    orchestrator.begin();

    system.database.advance(Duration::from_secs(3_600)).await?;
    resolve(&system).await?;
    assert_eq!(system.state(message).await?, MessageState::Uncertain, "nobody guesses");
    system.database.advance(DAY).await?;
    resolve(&system).await?;
    assert_eq!(system.state(message).await?, MessageState::Unknown);
    assert_eq!(system.taken(message)?, 1);
    Ok(())
}

#[tokio::test]
async fn a_tenant_that_chose_it_gets_one_second_send_after_the_deadline_and_the_grace() -> anyhow::Result<()> {
    let system = System::start().await?;
    let worker = system.work()?;
    system.sink.rule(Moment::Dot, None, Some(2), Action::AcceptAndClose)?;
    let tenant = system.build.tenant_with(UncertainPolicy::Resend).await?;
    let sender = system.build.sender(tenant, system.sink.smtp).await?;
    let row = system.build.message(sender, "ann@recipients.example");
    let messages = system.store.messages();
    messages.enqueue_messages(tenant, std::slice::from_ref(&row)).await?;
    let state = async |wanted: MessageState| {
        testkit::until_within(Duration::from_secs(50), &format!("it is {wanted}"), async || {
            Ok(messages.find_message(tenant, row.id).await?.expect("stored").state == wanted)
        })
        .await;
    };
    state(MessageState::Uncertain).await;
    assert_eq!(system.taken(row.id)?, 1);
    system.database.advance(Duration::from_secs(32 * 60)).await?;
    testkit::until_within(Duration::from_secs(50), "it was sent once more", async || Ok(system.taken(row.id)? == 2))
        .await;
    state(MessageState::Uncertain).await;
    system.database.advance(Duration::from_secs(3_600)).await?;
    worker.stop().await?;
    assert_eq!(system.taken(row.id)?, 2, "and never again");
    Ok(())
}
