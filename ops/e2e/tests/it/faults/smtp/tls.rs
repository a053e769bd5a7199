//! TLS and logins that fail.

use domain::messages::MessageState;
use domain::senders::TlsMode;
use e2e::{System, WorkerSetup};
use providers::smtp::TlsRoots;
use runtime::Keyring;
use runtime::crypto::generate_key;
use store::NewSender;
use testkit::sink::{Action, CertificateFault, Moment};
use testkit::{Sink, SinkOptions, until};

use super::{send, until_deferred, view};
use crate::securing::with_logins;

#[tokio::test]
async fn s8_a_wrong_password_pauses_its_account_costs_its_messages_nothing_and_nobody_else() -> anyhow::Result<()> {
    let options = SinkOptions { tls: Some("starttls"), login: Some("ann:hunter2"), ..SinkOptions::default() };
    let system = System::start_with(&options).await?;
    let (senders, setup) = with_logins(&system, &[(&system.sink, TlsMode::Starttls)], "wrong").await?;
    // The others of its worker have a server that asks for nothing.
    let (plain, _worker) = (Sink::start()?, system.work_with(setup)?);
    let other = system.build.sender(system.tenant, plain.smtp).await?;
    let elsewhere = send(&system, other, "cat@recipients.example").await?;
    let mut messages = Vec::new();
    for _ in 0..3 {
        messages.push(send(&system, senders[0], "bob@recipients.example").await?);
    }
    let paused = "SELECT count(*) FROM senders WHERE pause_reason = 'auth'";
    until("the sender is paused", async || Ok(system.database.count(paused).await? == 1)).await;
    system.until_state(elsewhere, MessageState::Accepted).await;
    for message in messages {
        system.until_state(message, MessageState::Scheduled).await;
        let view = system.store.messages().find_message(system.tenant, message).await?.expect("stored");
        assert_eq!(view.tries, 0);
    }
    Ok(())
}

#[tokio::test]
async fn s8_where_starttls_was_stripped_no_password_and_no_mail_goes_out() -> anyhow::Result<()> {
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
    let message = send(&system, sender, "bob@recipients.example").await?;
    let refused = "SELECT count(*) FROM message_attempts WHERE reply LIKE '%STARTTLS%'";
    until("it was refused for want of STARTTLS", async || Ok(system.database.count(refused).await? > 0)).await;
    assert!(system.sink.events()?.iter().all(|event| event.event != "auth"), "no password was offered");
    assert_eq!(system.taken(message)?, 0);
    Ok(())
}

#[tokio::test]
async fn s8_a_certificate_that_is_unknown_expired_or_somebody_elses_gets_no_password_and_no_mail() -> anyhow::Result<()>
{
    let system = System::start().await?;
    let mut sinks = Vec::new();
    for (offered, tls) in [("implicit", TlsMode::Tls), ("starttls", TlsMode::Starttls)] {
        let options = SinkOptions { tls: Some(offered), login: Some("ann:hunter2"), ..SinkOptions::default() };
        for fault in [None, Some(CertificateFault::Expired), Some(CertificateFault::WrongHost)] {
            let sink = match fault {
                None => Sink::start_with(&options)?,
                Some(fault) => Sink::start_showing(fault, &options)?,
            };
            sink.rule(Moment::Auth, None, None, Action::Reset)?;
            sinks.push((sink, tls, fault, format!("{offered} {fault:?}")));
        }
    }
    let at: Vec<_> = sinks.iter().map(|(sink, tls, ..)| (sink, *tls)).collect();
    let (senders, mut setup) = with_logins(&system, &at, "hunter2").await?;
    // Two have a fault of their own; for the one without, nobody vouches.
    let vouched: Vec<_> = sinks.iter().filter(|(_, _, fault, _)| fault.is_some()).collect();
    let pem: Vec<Vec<u8>> =
        vouched.iter().map(|(sink, ..)| std::fs::read(sink.certificate())).collect::<Result<_, _>>()?;
    setup.roots = TlsRoots::from_pem(pem.concat()).map_err(anyhow::Error::msg)?;
    let _worker = system.work_with(setup)?;
    let mut messages = Vec::new();
    for sender in senders {
        messages.push(send(&system, sender, "bob@recipients.example").await?);
    }
    for (message, (sink, _, _, when)) in messages.into_iter().zip(&sinks) {
        until_deferred(&system, message, when).await;
        assert_eq!(view(&system, message).await?.last_class.as_deref(), Some("network"), "{when}");
        assert_eq!(sink.accepted()?.len(), 0, "{when}");
        assert_eq!(sink.times("auth")?, 0, "{when}: no password was offered");
    }
    Ok(())
}
