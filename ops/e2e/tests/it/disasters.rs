use std::time::Duration;

use e2e::System;
use testkit::{SinkOptions, until, until_within};

const SLOW_SINK: SinkOptions = SinkOptions { answer_after_ms: 5, tls: None, login: None };

async fn until_taken(system: &System, wanted: usize) {
    until(&format!("the sink has taken {wanted}"), async || Ok(system.sink.accepted()?.len() >= wanted)).await;
}

#[tokio::test]
async fn another_orchestrator_takes_over_when_the_leader_goes() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SLOW_SINK).await?;
    let _worker = system.work()?;
    let first = system.orchestrate()?;
    let _second = system.orchestrate()?;
    system.until_led().await;
    system.build.scheduled(system.tenant, system.sender, 300).await?;
    until_taken(&system, 50).await;
    first.begin();
    system.build.scheduled(system.tenant, system.sender, 300).await?;
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&600));
    assert_eq!(system.database.count("SELECT count(*) FROM leaders").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_server_that_hangs_holds_up_nobody_elses_mail() -> anyhow::Result<()> {
    use testkit::Sink;
    use testkit::sink::{Action, Moment};

    let system = System::start_with(&SLOW_SINK).await?;
    let (hanging, _worker) = (Sink::start()?, system.work()?);
    hanging.rule(Moment::Mail, None, None, Action::Hang)?;
    let stuck = system.build.sender(system.tenant, hanging.smtp).await?;
    system.build.scheduled(system.tenant, stuck, 500).await?;
    until("it hangs", async || Ok(!hanging.events()?.is_empty())).await;
    system.build.scheduled(system.tenant, system.sender, 500).await?;
    until_within(Duration::from_secs(20), "the others are through", async || Ok(system.sink.accepted()?.len() == 500))
        .await;
    let held = "SELECT count(*) FROM message_runs WHERE state = 'queued'";
    assert!(system.database.count(held).await? <= 20, "a server that drains nothing holds its connections' worth");
    Ok(())
}
