//! A Postgres that was restored from a backup knows nothing of what was sent since.

use domain::messages::MessageState;
use testkit::postgres::{Durability, Postgres};
use testkit::until;

use super::on_its_own;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p10_after_the_restore_of_a_backup_nothing_is_sent_until_an_operator_says_so() -> anyhow::Result<()> {
    let mut postgres = Postgres::start(Durability::Real)?;
    let system = on_its_own(&postgres).await?;
    let before = system.message("ann@recipients.example").await?;
    let backup = postgres.base_backup()?;
    let _worker = system.work()?;
    let after = system.message("bob@recipients.example").await?;
    for message in [before, after] {
        system.until_state(message, MessageState::Accepted).await;
    }
    // The beats that Redis has seen since.
    let beat = system.store.fleet().state().await?.beat;
    until("some beats", async || Ok(system.store.fleet().state().await?.beat > beat + 2)).await;

    postgres.go_back_to(backup)?;
    until("it is halted", async || Ok(system.store.fleet().state().await?.halt_reason.is_some())).await;
    assert!(system.store.messages().find_message(system.tenant, after).await?.is_none(), "it knows nothing of it");
    assert_ne!(system.state(before).await?, MessageState::Accepted, "it believes that this is yet to be sent");
    let renewals = "SELECT extract(epoch FROM expires_at)::bigint FROM leaders";
    let renewed = system.database.count(renewals).await?;
    until("the leader had every chance", async || Ok(system.database.count(renewals).await? > renewed + 3)).await;
    assert_eq!((system.taken(before)?, system.taken(after)?), (1, 1), "nothing was sent again");

    // The operator knows what went out, and strikes it off before sending goes on.
    system.store.messages().cancel_message(system.tenant, before).await?;
    let standing = system.queue.standing_beat().await?.unwrap_or(0);
    assert!(system.store.fleet().resume(system.ids.next(), standing).await?);
    let next = system.message("cat@recipients.example").await?;
    system.until_state(next, MessageState::Accepted).await;
    assert_eq!([before, after, next].map(|message| system.taken(message).unwrap_or(0)), [1, 1, 1]);
    Ok(())
}
