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

#[tokio::test]
async fn only_250_is_success_and_nonsense_is_uncertain() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    for answer in ["354 go on", "251 forwarded", "299 what", "999 nonsense", "hello", "250 fine", "2"] {
        system.sink.rule(Moment::Dot, None, Some(1), Action::AcceptReplying(answer.to_owned()))?;
        let message = system.message("ann@recipients.example").await?;
        let wanted = if answer == "250 fine" { MessageState::Accepted } else { MessageState::Uncertain };
        system.until_state(message, wanted).await;
    }
    system.judge().await?;
    Ok(())
}

#[tokio::test]
async fn a_late_250_is_never_taken_for_the_next_mails_answer() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    // The test's patience after the final dot is 2 s.
    system.sink.rule(Moment::Dot, None, Some(1), Action::AcceptAfterMs(3_000))?;
    let late = system.message("ann@recipients.example").await?;
    system.until_state(late, MessageState::Uncertain).await;
    system.sink.rule(Moment::Dot, Some("bob@"), Some(1), Action::Reply("554 5.7.1 no".to_owned()))?;
    let next = system.message("bob@recipients.example").await?;
    system.until_state(next, MessageState::Failed).await;
    assert_eq!((system.taken(late)?, system.taken(next)?), (1, 0));
    Ok(())
}

#[tokio::test]
async fn a_connection_reset_before_the_final_dot_is_no_doubt() -> anyhow::Result<()> {
    use testkit::FaultProxy;
    use testkit::proxy::Fault;

    let system = System::start().await?;
    let proxy = FaultProxy::before(system.sink.smtp).await?;
    let _worker = system.work()?;
    let sender = system.build.sender(system.tenant, proxy.address).await?;
    let mut row = system.build.message(sender, "ann@recipients.example");
    std::sync::Arc::make_mut(&mut row.message.content).html = Some("x".repeat(200_000));
    proxy.set(Fault { reset_after: Some(50_000), ..Fault::default() });
    system.store.messages().enqueue_messages(system.tenant, std::slice::from_ref(&row)).await?;
    testkit::until("it was tried, and its fate is known", async || {
        let view = system.store.messages().find_message(system.tenant, row.id).await?.expect("stored");
        Ok(view.tries == 1 && matches!(view.state, MessageState::Scheduled | MessageState::Uncertain))
    })
    .await;
    assert_eq!(system.taken(row.id)?, 0);
    proxy.heal();
    Ok(())
}
