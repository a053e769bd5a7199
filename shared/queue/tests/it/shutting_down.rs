use std::sync::Arc;
use std::time::{Duration, Instant};

use queue::Outcome;
use testkit::until;
use tokio::sync::Semaphore;

use crate::fleet::{Fleet, Handled};

#[tokio::test]
async fn with_a_thousand_jobs_in_flight_a_stop_finishes_them_all_and_settles_each() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let (handled, gate) = (Handled::default(), Arc::new(Semaphore::new(0)));
    let mut options = fleet.options();
    options.jobs_max = 1_000;
    let waits = Arc::clone(&gate);
    let worker = fleet.work(options, &handled, move |_| {
        let gate = Arc::clone(&waits);
        async move {
            let _pass = gate.acquire().await?;
            Ok(Outcome::Done)
        }
    })?;
    let jobs = fleet.push((0..1_200).map(|_| fleet.job(1)).collect()).await?;
    until("a thousand are in flight", async || Ok(fleet.link.audit(&fleet.pool).await?.leased == 1_000)).await;

    worker.stop.cancel();
    let since = Instant::now();
    gate.add_permits(2_000);
    worker.stop().await?;
    assert!(since.elapsed() < Duration::from_secs(5), "took {:?}", since.elapsed());

    let audit = fleet.link.audit(&fleet.pool).await?;
    let done = jobs.iter().filter(|job| handled.times(**job) == 1).count() as u64;
    assert!(done >= 900, "what had begun was finished: {done}");
    assert_eq!(
        (audit.leased, audit.ready),
        (0, 1_200 - done),
        "all else stands ready for the next worker, nothing leased"
    );
    Ok(())
}

#[tokio::test]
async fn what_was_claimed_and_not_started_is_released_at_once() -> anyhow::Result<()> {
    let fleet = Fleet::start().await?;
    let handled = Handled::default();
    let first = fleet.work_plainly(&handled)?;
    first.stop().await?;
    let jobs = fleet.push((0..50).map(|_| fleet.job(1)).collect()).await?;
    for _ in 0..5 {
        // Stopped in the very act of claiming.
        let worker = fleet.work_plainly(&handled)?;
        worker.stop().await?;
    }
    let last = fleet.work_plainly(&handled)?;
    let since = Instant::now();
    until("all are handled", async || Ok(jobs.iter().all(|job| handled.times(*job) == 1))).await;
    assert!(since.elapsed() < Duration::from_secs(2), "nobody waited for a lease to run out");
    last.stop().await
}
