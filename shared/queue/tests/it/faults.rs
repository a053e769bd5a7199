use std::time::Duration;

use domain::ids::JobId;
use queue::leader::Beat;
use queue::{Outcome, QueueError};
use redis::Commands;
use testkit::{until, until_within};

use crate::fleet::{Fleet, Handled};

/// A worker that takes a moment over each job, so that a fault always meets some in hand.
async fn slowly(_: queue::Delivery<domain::jobs::SendJob>) -> anyhow::Result<Outcome> {
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(Outcome::Done)
}

async fn all_once(fleet: &Fleet, handled: &Handled, jobs: &[JobId]) -> anyhow::Result<()> {
    until("all are handled", async || Ok(jobs.iter().all(|job| handled.times(*job) > 0))).await;
    until("all are settled", async || Ok(fleet.link.audit(&fleet.pool).await.is_ok_and(|audit| audit.jobs == 0))).await;
    assert!(jobs.iter().all(|job| handled.times(*job) == 1), "each was handled once");
    Ok(())
}

#[tokio::test]
async fn a_redis_that_stalls_for_two_seconds_costs_nobody_a_lease_or_a_worker() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let handled = Handled::default();
    let workers = [fleet.work(fleet.options(), &handled, slowly)?, fleet.work(fleet.options(), &handled, slowly)?];
    let jobs = fleet.push((0..400).map(|_| fleet.job(1)).collect()).await?;
    until("some are handled", async || Ok(handled.jobs() > 20)).await;
    fleet.redis.stall()?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    fleet.redis.go_on()?;
    all_once(&fleet, &handled, &jobs).await?;
    for worker in workers {
        worker.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn no_lease_is_reaped_within_one_lease_time_after_redis_was_out_of_reach() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let handled = Handled::default();
    let long = |_| async {
        tokio::time::sleep(Duration::from_secs(8)).await;
        Ok(Outcome::Done)
    };
    let holder = fleet.work(fleet.options(), &handled, long)?;
    let jobs = fleet.push((0..10).map(|_| fleet.job(1)).collect()).await?;
    until("they are in hand", async || Ok(fleet.link.audit(&fleet.pool).await?.leased == 10)).await;
    // Away for longer than a lease: every lease has run out when it is back, and nobody is dead.
    fleet.redis.stall()?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    fleet.redis.go_on()?;
    let vulture = fleet.work(fleet.options(), &handled, slowly)?;
    all_once(&fleet, &handled, &jobs).await?;
    vulture.stop().await?;
    holder.stop().await
}

#[tokio::test]
async fn workers_survive_a_redis_that_is_killed_and_comes_back_with_its_file() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let handled = Handled::default();
    let worker = fleet.work(fleet.options(), &handled, slowly)?;
    let jobs = fleet.push((0..100).map(|_| fleet.job(1)).collect()).await?;
    until("some are handled", async || Ok(handled.jobs() > 20)).await;
    // A killed process loses nothing that it has written; only the machine could.
    fleet.redis.kill()?;
    fleet.redis.restart()?;
    until("all are handled", async || Ok(jobs.iter().all(|job| handled.times(*job) > 0))).await;
    worker.stop().await
}

#[tokio::test]
async fn an_emptied_redis_is_a_loss_to_everybody_and_never_an_empty_queue() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let handled = Handled::default();
    let jobs = fleet.push((0..10).map(|_| fleet.job(1)).collect()).await?;
    let _: () = redis::cmd("FLUSHALL").query(&mut fleet.redis.client()?)?;

    assert!(matches!(fleet.link.audit(&fleet.pool).await, Err(QueueError::Lost)));
    assert!(matches!(fleet.link.gone(&fleet.pool, &jobs).await, Err(QueueError::Lost)), "an error, not absence");
    assert!(matches!(fleet.push(vec![fleet.job(1)]).await, Err(error) if error.is::<QueueError>()));
    assert_eq!(fleet.beat().await?, Beat::Lost("it is empty"));

    let worker = fleet.work_plainly(&handled)?;
    let generation = fleet.begin_generation().await?;
    assert_eq!(fleet.link.gone(&fleet.pool, &jobs).await?, jobs, "now they are known to be gone");
    let again = fleet.push((0..10).map(|_| fleet.job(1)).collect()).await?;
    assert_eq!(handled.jobs(), 0, "a worker that was not told refuses to claim");
    worker.stop().await?;
    let told = fleet.work_plainly(&handled)?;
    until("the next generation is handled", async || Ok(again.iter().all(|job| handled.times(*job) == 1))).await;
    assert_eq!(fleet.link.pulse().get().0, generation);
    told.stop().await
}

#[tokio::test]
async fn a_redis_rolled_back_to_an_old_snapshot_is_refused_by_everybody() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let handled = Handled::default();
    fleet.push((0..10).map(|_| fleet.job(1)).collect()).await?;
    let snapshot = fleet.redis.snapshot()?;
    let worker = fleet.work_plainly(&handled)?;
    until("they are handled", async || Ok(fleet.link.audit(&fleet.pool).await?.jobs == 0)).await;
    worker.stop().await?;
    for _ in 0..3 {
        fleet.beat().await?;
    }
    fleet.redis.roll_back(&snapshot)?;

    let old = fleet.work_plainly(&handled)?;
    until("it is seen to be older", async || Ok(fleet.beat().await.ok() == Some(Beat::Lost("it went back in time"))))
        .await;
    assert!(matches!(fleet.link.audit(&fleet.pool).await, Err(QueueError::Lost)));
    assert_eq!((handled.jobs(), handled.most()), (10, 1), "finished jobs that reappeared were not handed out");
    old.stop().await?;

    fleet.begin_generation().await?;
    assert!(fleet.keys_with_work()?.is_empty(), "what the old copy held is gone");
    Ok(())
}

#[tokio::test]
async fn forgotten_scripts_are_loaded_again() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let handled = Handled::default();
    let worker = fleet.work(fleet.options(), &handled, slowly)?;
    let jobs = fleet.push((0..100).map(|_| fleet.job(1)).collect()).await?;
    for wanted in [10, 30, 50] {
        until("some are handled", async || Ok(handled.jobs() > wanted)).await;
        let _: () = redis::cmd("SCRIPT").arg("FLUSH").query(&mut fleet.redis.client()?)?;
    }
    all_once(&fleet, &handled, &jobs).await?;
    worker.stop().await
}

#[tokio::test]
async fn killed_connections_are_opened_again() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let handled = Handled::default();
    let worker = fleet.work(fleet.options(), &handled, slowly)?;
    let jobs = fleet.push((0..100).map(|_| fleet.job(1)).collect()).await?;
    for kind in ["normal", "pubsub", "normal"] {
        let wanted = handled.jobs() + 10;
        until("some are handled", async || Ok(handled.jobs() >= wanted)).await;
        let kill = || redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg(kind).arg("SKIPME").arg("yes").to_owned();
        let _: i64 = kill().query(&mut fleet.redis.client()?)?;
    }
    until_within(Duration::from_secs(30), "all are handled", async || {
        Ok(jobs.iter().all(|job| handled.times(*job) > 0))
    })
    .await;
    // The producer's own connection was killed too: its next push may fail, and may be tried again.
    let later = fleet.job(1);
    until("what is pushed later arrives", async || Ok(fleet.push(vec![later.clone()]).await.is_ok())).await;
    until("and is handled", async || Ok(handled.times(later.id) == 1)).await;
    worker.stop().await
}

#[tokio::test]
async fn garbage_is_set_aside_and_kills_nobody() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let (handled, keys) = (Handled::default(), fleet.link.keys().clone());
    let jobs = fleet.push((0..10).map(|_| fleet.job(3)).collect()).await?;
    let (data, mut client) = (keys.pool(&fleet.pool, "data"), fleet.redis.client()?);
    let record: String = client.hget(&data, jobs[0].to_string())?;
    let head: Vec<&str> = record.splitn(6, '|').collect();
    let _: () = client.hset(&data, jobs[0].to_string(), format!("{}|{{not json", head[..5].join("|")))?;
    let _: () = client.hset(&data, jobs[1].to_string(), "\u{0}\u{1}nonsense")?;
    let _: () = client.hdel(&data, jobs[2].to_string())?;

    let worker = fleet.work_plainly(&handled)?;
    until("the good ones are handled", async || Ok(handled.jobs() == 7)).await;
    until("the books add up and the window is empty", async || {
        let audit = fleet.link.audit(&fleet.pool).await?;
        Ok(audit.adds_up() && audit.jobs == 0 && audit.rows == 0)
    })
    .await;
    let aside: Vec<String> = client.lrange(keys.pool(&fleet.pool, "garbage"), 0, -1)?;
    assert_eq!(aside.len(), 2, "what did not read is named; what had no data is not there to name");
    assert_eq!(fleet.link.gone(&fleet.pool, &jobs).await?.len(), 10, "so the rescue finds all their rows");
    let later = fleet.push(vec![fleet.job(1)]).await?;
    until("the worker lives", async || Ok(handled.times(later[0]) == 1)).await;
    worker.stop().await
}
