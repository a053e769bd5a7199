//! Single jobs that vanish, turn to garbage, or take longer than a lease.

use std::time::Duration;

use domain::jobs::PoolName;
use e2e::{SHORT_TIMEOUTS, System, WorkerSetup};
use providers::smtp::SmtpTimeouts;
use redis::Commands;
use testkit::{SinkOptions, until};

use super::all_sent;

#[tokio::test]
async fn r8_a_job_that_vanished_or_turned_to_garbage_is_rescued_and_one_that_stands_is_not() -> anyhow::Result<()> {
    let system = System::start().await?;
    // Three senders, so that there are three jobs.
    for _ in 0..3 {
        let sender = system.build.sender(system.tenant, system.sink.smtp).await?;
        system.build.scheduled(system.tenant, sender, 30).await?;
    }
    let queued = "SELECT count(DISTINCT sender_id) FROM message_runs WHERE state = 'queued'";
    until("they are queued", async || Ok(system.database.count(queued).await? == 3)).await;
    let standing = "SELECT count(DISTINCT job_id) FROM message_runs WHERE state = 'queued' AND queued_at < postfleet_now() - interval '1 hour'";
    system.database.advance(Duration::from_secs(7_200)).await?;
    let before = system.database.count(standing).await?;
    assert!(before >= 3, "jobs that stand for hours, because nobody works");

    let data = system.queue.keys().pool(&PoolName::send_shared(), "data");
    let ready = system.queue.keys().ready(&PoolName::send_shared());
    let mut client = system.redis.client()?;
    let jobs: Vec<String> = client.hkeys(&data)?;
    let _: i64 = client.hdel(&data, &jobs[0])?;
    let _: i64 = client.lrem(&ready[1], 0, &jobs[0])?;
    until("its rows have another job", async || Ok(system.database.count(standing).await? == before - 1)).await;

    let record: String = client.hget(&data, &jobs[1])?;
    let head: Vec<&str> = record.splitn(6, '|').collect();
    let _: () = client.hset(&data, &jobs[1], format!("{}|{{not json", head[..5].join("|")))?;
    let _: () = client.hset(&data, &jobs[2], "\u{0}\u{1}nonsense")?;
    let worker = system.work()?;
    all_sent(&system, 90).await?;
    let aside: Vec<String> = client.lrange(system.queue.keys().pool(&PoolName::send_shared(), "garbage"), 0, -1)?;
    assert_eq!(aside.len(), 2, "both are set aside where a person can see them");
    worker.stop().await
}

#[tokio::test]
async fn r9_a_job_that_takes_longer_than_its_lease_runs_once() -> anyhow::Result<()> {
    // Longer than the lease of 10 s, and within the patience at the final dot.
    let sink = SinkOptions { answer_after_ms: 11_000, tls: None, login: None };
    let system = System::start_with(&sink).await?;
    let patient = || WorkerSetup {
        timeouts: Some(SmtpTimeouts { final_dot: Duration::from_secs(60), ..SHORT_TIMEOUTS }),
        ..WorkerSetup::default()
    };
    let workers = [system.work_with(patient())?, system.work_with(patient())?];
    system.build.scheduled(system.tenant, system.sender, 10).await?;
    all_sent(&system, 10).await?;
    let again = "SELECT count(*) FROM message_runs WHERE tries <> 1 OR crashes <> 0";
    assert_eq!(system.database.count(again).await?, 0, "nobody tried anything twice");
    for worker in workers {
        worker.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn r10_two_workers_of_one_name_are_two_workers_and_send_nothing_twice() -> anyhow::Result<()> {
    let system = System::start().await?;
    let workers = [system.work()?, system.work()?];
    let known = "SELECT count(*) FROM workers WHERE name = 'test-worker' AND ended_at IS NULL";
    until("both are known, under ids of their own", async || Ok(system.database.count(known).await? == 2)).await;
    system.build.scheduled(system.tenant, system.sender, 600).await?;
    system.until_taken(200).await;
    // One goes; the other goes on, and what was the first one's is not taken for its own.
    let [first, second] = workers;
    first.stop().await?;
    all_sent(&system, 600).await?;
    assert_eq!(system.database.count(known).await?, 1);
    second.stop().await
}
