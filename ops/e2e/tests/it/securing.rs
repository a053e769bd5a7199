use domain::ids::SenderId;
use domain::messages::MessageState;
use domain::senders::TlsMode;
use e2e::{System, WorkerSetup};
use providers::smtp::TlsRoots;
use runtime::Keyring;
use runtime::crypto::generate_key;
use store::NewSender;
use testkit::{Sink, SinkOptions, until};

/// A sender at `localhost` with a password, at each of these sinks, and a worker's setup that trusts them all.
pub async fn with_logins(
    system: &System,
    sinks: &[(&Sink, TlsMode)],
    password: &str,
) -> anyhow::Result<(Vec<SenderId>, WorkerSetup)> {
    let keyring: Keyring = generate_key("main").parse()?;
    let (mut senders, mut trusted) = (Vec::new(), Vec::new());
    for (sink, tls) in sinks {
        let change = |new: &mut NewSender| {
            let secret = keyring.encrypt_password(system.tenant, new.id, password);
            new.smtp_host = "localhost".to_owned();
            new.tls_mode = *tls;
            new.credentials = secret.ok().map(|secret| ("ann".to_owned(), secret));
        };
        senders.push(system.build.sender_with(system.tenant, sink.smtp, change).await?);
        trusted.extend(std::fs::read(sink.certificate())?);
    }
    let roots = TlsRoots::from_pem(trusted).map_err(anyhow::Error::msg)?;
    let networks = Some(vec!["127.0.0.0/8".into(), "::1/128".into()]);
    Ok((senders, WorkerSetup { roots, keyring: Some(keyring), networks, ..WorkerSetup::default() }))
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
        let (senders, setup) = with_logins(&system, &[(&system.sink, tls)], "hunter2").await?;
        let _worker = system.work_with(setup)?;
        let message = send(&system, senders[0]).await?;
        system.until_state(message, MessageState::Accepted).await;
        assert_eq!(system.taken(message)?, 1, "{sink_tls}");
    }
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
