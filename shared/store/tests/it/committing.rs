use std::collections::HashSet;
use std::time::Duration;

use domain::address::Address;
use domain::messages::MessageState;
use domain::suppressions::SuppressionReason;
use sqlx::Connection;
use store::messages::{AttemptClaim, CancelAnswer};

use crate::setup::Setup;

#[tokio::test]
async fn of_many_who_commit_one_row_exactly_one_wins() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let (message, job) = setup.queued().await?;
    let claim = setup.claim(message, job).await?;
    let tries = (0..20).map(|_| {
        let (store, worker) = (setup.store.clone(), setup.worker);
        let claim = AttemptClaim { attempt: setup.ids.next(), ..claim.clone() };
        tokio::spawn(async move { store.messages().commit_attempts(worker, &[claim]).await })
    });
    let mut won = 0;
    for tried in tries.collect::<Vec<_>>() {
        won += tried.await??.len();
    }
    assert_eq!(won, 1);
    assert_eq!(setup.state(message).await?, "committing");
    Ok(())
}

#[tokio::test]
async fn another_job_never_wins() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let (message, _) = setup.queued().await?;
    let stranger = setup.claim(message, setup.ids.next()).await?;
    assert!(setup.commit(&[stranger]).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_row_that_was_changed_since_it_was_loaded_is_not_won_until_it_is_loaded_again() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    setup.build.scheduled(setup.tenant, setup.sender, 2).await?;
    let [first, second] = setup.feed(2, 2).await?[..] else { anyhow::bail!("two rows of one job") };
    let (message, job) = (first.message, first.job);
    let claim = setup.claim(message, job).await?;
    let elsewhere = AttemptClaim { place: setup.claim(second.message, job).await?.place, ..claim.clone() };
    assert!(setup.commit(&[elsewhere]).await?.is_empty(), "another row stands there");
    sqlx::query("UPDATE message_runs SET crashes = crashes WHERE message_id = $1")
        .bind(message.uuid())
        .execute(&mut setup.database.connection().await?)
        .await?;
    assert!(setup.commit(&[claim]).await?.is_empty());
    let claim = setup.claim(message, job).await?;
    assert_eq!(setup.commit(std::slice::from_ref(&claim)).await?, [claim.attempt]);
    Ok(())
}

#[tokio::test]
async fn suppressed_paused_and_halted_never_win() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let (message, job) = setup.queued().await?;
    let messages = setup.store.messages();
    let claim = setup.claim(message, job).await?;

    setup.store.senders().pause(setup.tenant, setup.sender, "operator", "test").await?;
    assert!(setup.commit(std::slice::from_ref(&claim)).await?.is_empty());
    setup.store.senders().resume(setup.tenant, setup.sender, true).await?;

    setup.store.fleet().halt(setup.term, "test").await?;
    assert!(setup.commit(std::slice::from_ref(&claim)).await?.is_empty());
    setup.store.fleet().resume(setup.ids.next(), 0).await?;

    let address = Address::parse("r0@recipients.example")?;
    setup.build.suppress(setup.tenant, &address, SuppressionReason::Complaint).await?;
    assert!(setup.commit(&[claim]).await?.is_empty());
    let back = messages.hand_back(job, &[message], Duration::ZERO).await?;
    assert_eq!(back[0].state, MessageState::Suppressed);
    Ok(())
}

#[tokio::test]
async fn of_many_senders_in_one_statement_those_that_may_send_win() -> anyhow::Result<()> {
    let mut setup = Setup::new().await?;
    let may = setup.senders_of_which_some_are_stopped().await?;
    let (mut claims, mut winners) = (Vec::new(), HashSet::new());
    for sender in [may.free, may.free_elsewhere, may.paused, may.of_a_paused_tenant, may.archived] {
        (setup.tenant, setup.sender) = sender;
        let (message, job) = setup.queued().await?;
        claims.push(setup.claim(message, job).await?);
        winners.extend(may.is_free(sender).then(|| claims.last().map(|claim| claim.attempt)).flatten());
    }
    may.stop(&setup).await?;
    // Whatever one row finds of its sender, it is not told to the next.
    claims.rotate_left(1);
    assert_eq!(setup.commit(&claims).await?.into_iter().collect::<HashSet<_>>(), winners);
    assert_eq!(winners.len(), 2);
    let sent = "SELECT count(*) FROM daily_sends WHERE sent = 1";
    assert_eq!(setup.database.count(sent).await?, 2, "and what was won is counted for each");
    Ok(())
}

#[tokio::test]
async fn a_row_that_somebody_holds_is_skipped_and_not_won_on_an_old_snapshot() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let (message, job) = setup.queued().await?;
    let mut holder = setup.database.connection().await?;
    let mut cancellation = holder.begin().await?;
    sqlx::query("UPDATE message_runs SET state = 'canceled', finished_at = now() WHERE message_id = $1")
        .bind(message.uuid())
        .execute(&mut *cancellation)
        .await?;

    // It neither waits for the cancellation nor wins against it.
    let claim = setup.claim(message, job).await?;
    assert!(setup.commit(std::slice::from_ref(&claim)).await?.is_empty());
    cancellation.commit().await?;
    assert!(setup.commit(&[claim]).await?.is_empty());
    assert_eq!(setup.state(message).await?, "canceled");
    Ok(())
}

#[tokio::test]
async fn a_message_can_be_canceled_until_it_commits() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let messages = setup.store.messages();
    let (queued, job) = setup.queued().await?;
    assert_eq!(messages.cancel_message(setup.tenant, queued).await?, CancelAnswer::Canceled);
    assert_eq!(messages.cancel_message(setup.tenant, queued).await?, CancelAnswer::Canceled);
    assert!(setup.commit(&[setup.claim(queued, job).await?]).await?.is_empty());

    let (committing, _) = setup.committing().await?;
    let answer = messages.cancel_message(setup.tenant, committing).await?;
    assert_eq!(answer, CancelAnswer::TooLate(MessageState::Committing));
    Ok(())
}
