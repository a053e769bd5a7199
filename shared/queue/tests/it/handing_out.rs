use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::ids::MessageId;
use domain::messages::Priority;
use queue::{Marked, Outcome};
use testkit::{until, until_within};

use crate::fleet::{Fleet, Handled};

#[tokio::test]
async fn fifty_thousand_due_jobs_at_once_are_each_handled_once() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let handled = Handled::default();
    fleet.push((0..50_000).map(|_| fleet.job(1)).collect()).await?;
    let workers = [fleet.work_plainly(&handled)?, fleet.work_plainly(&handled)?];
    until_within(Duration::from_secs(60), "all are handled", async || Ok(handled.jobs() == 50_000)).await;
    assert_eq!(handled.most(), 1);
    for worker in workers {
        worker.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_push_wakes_an_idle_worker_within_50_ms() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let handled = Handled::default();
    let mut options = fleet.options();
    options.poll = Duration::from_secs(60);
    let worker = fleet.work(options, &handled, |_| async { Ok(Outcome::Done) })?;
    // The first finds the worker up and subscribed, however long that took.
    fleet.push(vec![fleet.job(1)]).await?;
    until("the worker is up", async || Ok(handled.jobs() == 1)).await;
    let mut waits = Vec::new();
    for at in 2..=21 {
        let since = Instant::now();
        fleet.push(vec![fleet.job(1)]).await?;
        while handled.jobs() < at {
            tokio::task::yield_now().await;
        }
        waits.push(since.elapsed());
    }
    waits.sort_unstable();
    assert!(waits[10] < Duration::from_millis(50), "median {:?} of {waits:?}", waits[10]);
    worker.stop().await
}

#[tokio::test]
async fn higher_priorities_are_handed_out_first() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut jobs = Vec::new();
    for priority in [Priority::Low, Priority::Normal, Priority::High] {
        jobs.extend((0..10).map(|_| queue_job(&fleet, priority)));
    }
    fleet.push(jobs).await?;
    let mut options = fleet.options();
    options.jobs_max = 1;
    let (seen, handled) = (Arc::clone(&order), Handled::default());
    let worker = fleet.work(options, &handled, move |delivery| {
        seen.lock().expect("not poisoned").push(delivery.job.priority);
        async { Ok(Outcome::Done) }
    })?;
    until("all are handled", async || Ok(handled.jobs() == 30)).await;
    assert!(order.lock().expect("not poisoned").is_sorted());
    worker.stop().await
}

fn queue_job(fleet: &Fleet, priority: Priority) -> domain::jobs::SendJob {
    domain::jobs::SendJob { priority, ..fleet.job(1) }
}

#[tokio::test]
async fn a_long_job_keeps_its_lease_however_long_it_takes() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let handled = Handled::default();
    let long = |_| async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok(Outcome::Done)
    };
    let workers = [fleet.work(fleet.options(), &handled, long)?, fleet.work(fleet.options(), &handled, long)?];
    let jobs = fleet.push((0..20).map(|_| fleet.job(1)).collect()).await?;
    until("all are handled", async || Ok(handled.jobs() == 20)).await;
    assert!(jobs.iter().all(|job| handled.times(*job) == 1), "more than twice the lease passed, and none went twice");
    for worker in workers {
        worker.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn two_processes_given_one_name_share_nothing() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let handled = Handled::default();
    // Both are called "same-name-everywhere"; one vanishes without a word, the other goes on.
    // Its hands are full with the first ten, so that it cannot take the next ten too.
    let mut options = fleet.options();
    options.jobs_max = 10;
    let stuck = fleet.work(options, &Handled::default(), |_| std::future::pending())?;
    let jobs = fleet.push((0..10).map(|_| fleet.job(1)).collect()).await?;
    until("the first has them", async || Ok(fleet.link.audit(&fleet.pool).await?.leased == 10)).await;
    let worker = fleet.work_plainly(&handled)?;
    fleet.push((0..10).map(|_| fleet.job(1)).collect()).await?;
    until("the second works beside it", async || Ok(handled.jobs() == 10)).await;
    assert!(jobs.iter().all(|job| handled.times(*job) == 0), "what the first holds stays its own");
    worker.stop().await?;
    stuck.task.abort();
    Ok(())
}

#[tokio::test]
async fn a_failed_or_panicking_handler_gets_its_job_back_later_and_kills_nobody() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let (handled, failed, panicked) =
        (Handled::default(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let jobs = fleet.push((0..3).map(|_| fleet.job(1)).collect()).await?;
    let (fails, panics) = (jobs[0], jobs[1]);
    let (failed_once, panicked_once) = (Arc::clone(&failed), Arc::clone(&panicked));
    let worker = fleet.work(fleet.options(), &handled, move |delivery| {
        let id = delivery.job.id;
        let (failed, panicked) = (Arc::clone(&failed_once), Arc::clone(&panicked_once));
        async move {
            anyhow::ensure!(id != fails || failed.swap(true, Ordering::SeqCst), "the first time it fails");
            assert!(id != panics || panicked.swap(true, Ordering::SeqCst), "the first time it panics");
            Ok(Outcome::Done)
        }
    })?;
    until("all are settled", async || Ok(fleet.link.audit(&fleet.pool).await?.jobs == 0)).await;
    assert_eq!((handled.times(jobs[0]), handled.times(jobs[1]), handled.times(jobs[2])), (2, 1, 1));
    worker.stop().await
}

#[tokio::test]
async fn a_snoozed_job_comes_back_and_a_released_one_goes_to_the_next() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let (handled, snoozed) = (Handled::default(), Arc::new(AtomicBool::new(false)));
    let once = Arc::clone(&snoozed);
    let worker = fleet.work(fleet.options(), &handled, move |_| {
        let first = !once.swap(true, Ordering::SeqCst);
        async move { Ok(if first { Outcome::Snooze(Duration::from_millis(300)) } else { Outcome::Done }) }
    })?;
    let since = Instant::now();
    let job = fleet.push(vec![fleet.job(1)]).await?[0];
    until("it came back", async || Ok(handled.times(job) == 2)).await;
    assert!(since.elapsed() >= Duration::from_millis(300));
    worker.stop().await
}

#[tokio::test]
async fn of_a_job_whose_holders_die_only_the_row_in_hand_is_charged() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let job = fleet.job(100);
    let poison: MessageId = job.rows[41];
    let id = fleet.push(vec![job]).await?[0];
    let redelivered = Arc::new(Mutex::new(HashSet::new()));
    for death in 1..=2 {
        // A handler as the real one: all at once the first time, then row by row with each written into the lease;
        // and on the poisoned row the worker is gone for good.
        let (options, seen) = (fleet.options(), Arc::clone(&redelivered));
        let doomed = options.worker;
        let worker = fleet.work(options, &Handled::default(), move |delivery| {
            let seen = Arc::clone(&seen);
            async move {
                if delivery.lease.is_redelivered() {
                    for row in &delivery.job.rows {
                        assert_eq!(delivery.lease.mark(*row).await?, Marked::Yes);
                        seen.lock().expect("not poisoned").insert(*row);
                        if *row == poison {
                            break;
                        }
                    }
                }
                std::future::pending().await
            }
        })?;
        until("it has the job", async || Ok(fleet.link.audit(&fleet.pool).await?.leased == 1)).await;
        if death == 2 {
            let at_poison = async || Ok(redelivered.lock().expect("not poisoned").contains(&poison));
            until("it has come to the poisoned row", at_poison).await;
        }
        worker.task.abort();
        fleet.link.forfeit(&fleet.pool, doomed).await?;
    }
    let survivor = fleet.work_plainly(&Handled::default())?;
    until("the crash shows", async || Ok(!fleet.link.crashed::<MessageId>(&fleet.pool).await?.is_empty())).await;
    let crashed = fleet.link.crashed::<MessageId>(&fleet.pool).await?;
    assert_eq!((crashed[0].job, crashed[0].row), (id, poison));
    assert!(fleet.link.audit(&fleet.pool).await?.adds_up());
    fleet.link.drop_crashed(&fleet.pool, &[id]).await?;
    assert_eq!(fleet.link.audit(&fleet.pool).await?.rows, 0);
    survivor.stop().await
}

#[tokio::test]
async fn who_holds_what_is_told_also_when_nobody_holds_anything() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let pool = domain::jobs::PoolName::send_shared();
    assert!(fleet.another_link()?.held(&pool).await?.is_empty());
    let handled = Handled::default();
    let worker = fleet.work(fleet.options(), &handled, |_| async { std::future::pending().await })?;
    let jobs = fleet.push(vec![fleet.job(1)]).await?;
    until("it is held", async || {
        let held = fleet.another_link()?.held(&pool).await?;
        Ok(held.iter().map(|(job, _)| *job).eq(jobs.iter().copied()))
    })
    .await;
    drop(worker);
    Ok(())
}
