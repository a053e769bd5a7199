use std::time::Duration;

use domain::ids::WorkerId;
use futures::StreamExt;
use limits::{ConnectionHolding, ConnectionShare};
use testkit::until;

use crate::setup::Setup;

#[tokio::test]
async fn all_workers_together_open_no_more_connections_than_a_sender_may_have() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    let workers: Vec<WorkerId> = (0..3).map(|_| setup.ids.next()).collect();
    let lease = async |at: usize, wanted: u32| -> anyhow::Result<u32> {
        Ok(setup.limits.lease_connections(workers[at], setup.sender, 10, wanted).await?.granted)
    };
    assert_eq!(lease(0, 7).await?, 7);
    assert_eq!(lease(1, 7).await?, 3);
    assert_eq!(lease(2, 1).await?, 0);
    // Whoever holds some learns that others wait, and gives up what is beyond its share.
    let holding = |held| ConnectionHolding { sender: setup.sender, most: 10, held };
    let told = setup.limits.renew_connections(workers[0], &[holding(7)]).await?;
    assert_eq!(told, [ConnectionShare { sender: setup.sender, share: 4, wanted: true }]);
    setup.limits.renew_connections(workers[0], &[holding(4)]).await?;
    assert_eq!(lease(2, 4).await?, 3);
    assert_eq!(lease(0, 1).await?, 0, "it has its share");
    Ok(())
}

#[tokio::test]
async fn a_worker_that_finds_none_asks_the_others_at_once() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    let (one, other): (WorkerId, WorkerId) = (setup.ids.next(), setup.ids.next());
    let mut wishes = Box::pin(setup.limits.wanted_connections().await?);
    assert_eq!(setup.limits.lease_connections(one, setup.sender, 2, 2).await?.granted, 2);
    assert_eq!(setup.limits.lease_connections(other, setup.sender, 2, 1).await?.granted, 0);
    let heard = tokio::time::timeout(Duration::from_secs(1), wishes.next()).await?;
    assert_eq!(heard, Some(setup.sender));
    Ok(())
}

#[tokio::test]
async fn connections_of_the_dead_and_the_silent_come_free() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    let lease = async |worker: WorkerId, wanted: u32| -> anyhow::Result<u32> {
        Ok(setup.limits.lease_connections(worker, setup.sender, 10, wanted).await?.granted)
    };
    let (dead, silent, heir): (WorkerId, WorkerId, WorkerId) = (setup.ids.next(), setup.ids.next(), setup.ids.next());
    assert_eq!(lease(dead, 6).await?, 6);
    assert_eq!(lease(silent, 4).await?, 4);
    assert_eq!(lease(heir, 10).await?, 0);
    setup.limits.forfeit_connections(dead).await?;
    assert_eq!(lease(heir, 10).await?, 5);
    until("what was not renewed has run out", async || Ok(lease(heir, 5).await? > 0)).await;
    Ok(())
}
