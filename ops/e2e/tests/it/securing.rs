use domain::ids::SenderId;
use domain::messages::MessageState;
use domain::senders::TlsMode;
use e2e::{System, WorkerSetup};
use providers::smtp::TlsRoots;
use runtime::Keyring;
use runtime::crypto::generate_key;
use store::NewSender;
use testkit::SinkOptions;
use testkit::sink::{Action, Moment};
use testkit::until;

/// A sender at `localhost` with credentials, and what a worker needs to use it.
async fn with_login(system: &System, tls: TlsMode, password: &str) -> anyhow::Result<(SenderId, WorkerSetup)> {
    let keyring: Keyring = generate_key("main").parse()?;
    let change = |new: &mut NewSender| {
        let secret = keyring.encrypt_password(system.tenant, new.id, password);
        new.smtp_host = "localhost".to_owned();
        new.tls_mode = tls;
        new.credentials = secret.ok().map(|secret| ("ann".to_owned(), secret));
    };
    let sender = system.build.sender_with(system.tenant, system.sink.smtp, change).await?;
    let roots = TlsRoots::from_pem(std::fs::read(system.sink.certificate())?).map_err(anyhow::Error::msg)?;
    Ok((
        sender,
        WorkerSetup {
            roots,
            keyring: Some(keyring),
            networks: Some(vec!["127.0.0.0/8".into(), "::1/128".into()]),
            ..WorkerSetup::default()
        },
    ))
}

async fn send(system: &System, sender: SenderId) -> anyhow::Result<domain::ids::MessageId> {
    let row = system.build.message(sender, "bob@recipients.example");
    system.store.messages().enqueue_messages(system.tenant, std::slice::from_ref(&row)).await?;
    Ok(row.id)
}

#[tokio::test]
async fn mail_goes_over_starttls_and_over_tls_with_the_accounts_password() -> anyhow::Result<()> {
    for (sink_tls, tls) in [("starttls", TlsMode::Starttls), ("implicit", TlsMode::Tls)] {
        let options = SinkOptions { tls: Some(sink_tls), login: Some("ann:hunter2"), ..SinkOptions::default() };
        let system = System::start_with(&options).await?;
        let (sender, setup) = with_login(&system, tls, "hunter2").await?;
        let _worker = system.work_with(setup)?;
        let message = send(&system, sender).await?;
        system.until_state(message, MessageState::Accepted).await;
        assert_eq!(system.taken(message)?, 1, "{sink_tls}");
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_pauses_the_account_and_costs_its_messages_nothing() -> anyhow::Result<()> {
    let options = SinkOptions { tls: Some("starttls"), login: Some("ann:hunter2"), ..SinkOptions::default() };
    let system = System::start_with(&options).await?;
    let (sender, setup) = with_login(&system, TlsMode::Starttls, "wrong").await?;
    let _worker = system.work_with(setup)?;
    let mut messages = Vec::new();
    for _ in 0..3 {
        messages.push(send(&system, sender).await?);
    }
    let paused = "SELECT count(*) FROM senders WHERE pause_reason = 'auth'";
    until("the sender is paused", async || Ok(system.database.count(paused).await? == 1)).await;
    for message in messages {
        system.until_state(message, MessageState::Scheduled).await;
        let view = system.store.messages().find_message(system.tenant, message).await?.expect("stored");
        assert_eq!(view.tries, 0);
    }
    Ok(())
}

#[tokio::test]
async fn where_starttls_was_stripped_no_password_and_no_mail_goes_out() -> anyhow::Result<()> {
    // The sink knows no STARTTLS, as if somebody in between had removed the offer.
    let options = SinkOptions { tls: None, login: Some("ann:hunter2"), ..SinkOptions::default() };
    let system = System::start_with(&options).await?;
    system.sink.rule(Moment::Auth, None, None, Action::Reset)?;
    let keyring: Keyring = generate_key("main").parse()?;
    let change = |new: &mut NewSender| {
        let secret = keyring.encrypt_password(system.tenant, new.id, "hunter2");
        new.tls_mode = TlsMode::Starttls;
        new.credentials = secret.ok().map(|secret| ("ann".to_owned(), secret));
    };
    let sender = system.build.sender_with(system.tenant, system.sink.smtp, change).await?;
    let _worker = system.work_with(WorkerSetup { keyring: Some(keyring.clone()), ..WorkerSetup::default() })?;
    let message = send(&system, sender).await?;
    let refused = "SELECT count(*) FROM message_attempts WHERE reply LIKE '%STARTTLS%'";
    until("it was refused for want of STARTTLS", async || Ok(system.database.count(refused).await? > 0)).await;
    assert!(system.sink.events()?.iter().all(|event| event.event != "auth"), "no password was offered");
    assert_eq!(system.taken(message)?, 0);
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() -> anyhow::Result<()> {
    let options = SinkOptions { tls: Some("implicit"), login: Some("ann:hunter2"), ..SinkOptions::default() };
    let system = System::start_with(&options).await?;
    let (sender, setup) = with_login(&system, TlsMode::Tls, "hunter2").await?;
    let _worker = system.work_with(WorkerSetup { roots: TlsRoots::default(), ..setup })?;
    let message = send(&system, sender).await?;
    let refused = "SELECT count(*) FROM message_attempts WHERE class = 'network'";
    until("it was tried", async || Ok(system.database.count(refused).await? > 0)).await;
    assert_eq!(system.taken(message)?, 0);
    Ok(())
}

#[tokio::test]
async fn a_senders_host_cannot_lead_into_our_own_network() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work_with(WorkerSetup { networks: Some(Vec::new()), ..WorkerSetup::default() })?;
    for host in ["127.0.0.1", "localhost", "::1"] {
        let change = |new: &mut NewSender| new.smtp_host = host.to_owned();
        let sender = system.build.sender_with(system.tenant, system.sink.smtp, change).await?;
        let message = send(&system, sender).await?;
        until(&format!("{host} is refused"), async || {
            let view = system.store.messages().find_message(system.tenant, message).await?.expect("stored");
            Ok(view
                .attempts
                .iter()
                .any(|attempt| attempt.reply.as_deref().is_some_and(|text| text.contains("private network"))))
        })
        .await;
    }
    assert!(system.sink.events()?.is_empty());
    Ok(())
}
