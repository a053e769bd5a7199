use std::sync::Arc;

use domain::ids::JobId;
use futures::StreamExt;
use queue::leader::Caps;
use queue::{JobPush, LaneName, NotReserved, Outcome, Pushed, Reservation, Reserved, TokenAsk};
use testkit::until;
use tokio::sync::Semaphore;

use crate::fleet::{Fleet, Handled};

fn reservation(lane: LaneName, rows: u32, job: JobId) -> Reservation {
    Reservation { lane, rows, job, domains: vec!["recipients.example".into()], tokens: TokenAsk::default() }
}

#[tokio::test]
async fn the_push_itself_refuses_beyond_the_window_the_tenant_and_the_sender() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    for (window, tenant, sender) in [(30, 1_000, 1_000), (1_000, 30, 1_000), (1_000, 1_000, 30)] {
        fleet.begin_generation().await?;
        fleet.link.occupancy(&Caps { window, tenant, senders: vec![(fleet.sender, sender)] }).await?;
        let pushes: Vec<JobPush> = (0..5).map(|_| JobPush { job: fleet.job(10), sender_max: 0 }).collect();
        let answers = fleet.link.push(&fleet.pool, &pushes).await?;
        let taken = answers.iter().filter(|answer| **answer == Pushed::Yes).count();
        assert_eq!(taken, 3, "{window} {tenant} {sender}");
    }
    Ok(())
}

#[tokio::test]
async fn pushing_a_job_again_changes_nothing() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let job = fleet.job(10);
    fleet.push(vec![job.clone()]).await?;
    fleet.push(vec![job.clone(), job]).await?;
    let audit = fleet.link.audit(&fleet.pool).await?;
    assert_eq!((audit.jobs, audit.ready, audit.rows), (1, 1, 10));
    Ok(())
}

#[tokio::test]
async fn a_reservation_holds_its_room_until_it_is_used_given_back_or_over() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let lane = LaneName { tenant: fleet.tenant, sender: fleet.sender };
    let reserve = |job: JobId| reservation(lane, 4, job);

    // Used: the push takes the room that was reserved, no more.
    let mut job = fleet.job(4);
    assert!(matches!(fleet.link.reserve(&reserve(job.id)).await?, Reserved::Yes(_)));
    job.rows.truncate(3);
    fleet.push(vec![job]).await?;
    assert_eq!(fleet.link.audit(&fleet.pool).await?.rows, 3);

    // Given back.
    let other: JobId = fleet.ids.next();
    fleet.link.reserve(&reserve(other)).await?;
    fleet.link.unreserve(&[(other, Vec::new())]).await?;
    assert_eq!(fleet.link.audit(&fleet.pool).await?.rows, 3);

    // Over: the leader's beat gives back what nobody came for.
    fleet.link.reserve(&reserve(fleet.ids.next())).await?;
    assert_eq!(fleet.link.audit(&fleet.pool).await?.rows, 7);
    until("the reservation is over", async || {
        fleet.beat().await?;
        Ok(fleet.link.audit(&fleet.pool).await?.rows == 3)
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn a_lane_with_older_rows_gets_no_reservation_until_they_are_fed() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let lane = LaneName { tenant: fleet.tenant, sender: fleet.sender };
    let asked = || reservation(lane, 1, fleet.ids.next());
    fleet.link.note_backlog(&[lane]).await?;
    assert_eq!(fleet.link.reserve(&asked()).await?, Reserved::No(NotReserved::Turn));
    fleet.link.clear_backlog(&[lane]).await?;
    assert!(matches!(fleet.link.reserve(&asked()).await?, Reserved::Yes(_)));
    Ok(())
}

#[tokio::test]
async fn nothing_is_left_in_redis_after_the_work_is_done() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let handled = Handled::default();
    let worker = fleet.work_plainly(&handled)?;
    fleet.push((0..500).map(|at| fleet.job(1 + at % 30)).collect()).await?;
    until("all jobs are handled", async || Ok(handled.jobs() == 500)).await;
    until("nothing is left", async || {
        fleet.beat().await?;
        Ok(fleet.keys_with_work()?.is_empty())
    })
    .await;
    worker.stop().await
}

#[tokio::test]
async fn a_domain_with_a_waiting_room_gets_no_reservation_until_it_is_empty() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let lane = LaneName { tenant: fleet.tenant, sender: fleet.sender };
    let asked = || reservation(lane, 1, fleet.ids.next());
    let room = [(fleet.tenant, "recipients.example".into())];
    fleet.link.note_rooms(&room, &[]).await?;
    assert_eq!(fleet.link.reserve(&asked()).await?, Reserved::No(NotReserved::Turn));
    fleet.link.note_rooms(&[], &room).await?;
    fleet.link.clear_backlog(&[lane]).await?;
    assert!(matches!(fleet.link.reserve(&asked()).await?, Reserved::Yes(_)));
    Ok(())
}

/// Where senders' shares, and not the window, are what holds the feeder back.
#[tokio::test]
async fn the_bell_rings_when_a_quarter_of_what_was_filled_is_free_again() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    // Something waits, else nobody is rung for.
    fleet.link.note_rooms(&[(fleet.tenant, "recipients.example".into())], &[]).await?;
    let mut subscription = fleet.link.subscribe(&fleet.link.keys().bell()).await?;
    let mut rings = subscription.on_message();
    fleet.push((0..40).map(|_| fleet.job(1)).collect()).await?;
    let (handled, gate) = (Handled::default(), Arc::new(Semaphore::new(0)));
    let mut options = fleet.options();
    options.jobs_max = 40;
    let waits = Arc::clone(&gate);
    let worker = fleet.work(options, &handled, move |_| {
        let gate = Arc::clone(&waits);
        async move {
            gate.acquire().await?.forget();
            Ok(Outcome::Done)
        }
    })?;
    let settle = async |jobs: usize, left: u64| {
        gate.add_permits(jobs);
        until("they are settled", async || Ok(fleet.link.audit(&fleet.pool).await?.rows == left)).await;
    };
    settle(10, 30).await;
    assert!(futures::FutureExt::now_or_never(rings.next()).is_none(), "three quarters are still there");
    settle(1, 29).await;
    let ring = rings.next().await.ok_or_else(|| anyhow::anyhow!("the subscription ended"))?;
    assert_eq!(ring.get_payload::<String>()?, "room");
    settle(29, 0).await;
    assert!(rings.next().await.is_some(), "nothing is left");
    assert!(futures::FutureExt::now_or_never(rings.next()).is_none(), "rung twice, not at each");
    worker.stop().await
}
