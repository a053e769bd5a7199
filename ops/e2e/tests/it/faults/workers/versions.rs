//! An older and a newer version at work together. There is one binary here, so what differs is what they leave for each
//! other in Redis: a job's payload.

use domain::jobs::PoolName;
use e2e::System;
use redis::Connection;
use serde_json::{Value, json};
use testkit::until;

/// The jobs that stand in Redis, as `tenant|sender|rows|priority|pushed|payload`.
struct Standing {
    client: Connection,
    key: String,
}

impl Standing {
    async fn of(system: &System, rows: usize) -> anyhow::Result<Self> {
        system.build.scheduled(system.tenant, system.sender, rows).await?;
        let pool = PoolName::send_shared();
        until("a job stands", async || Ok(system.queue.audit(&pool).await?.rows as usize >= rows)).await;
        Ok(Self { client: system.redis.client()?, key: system.queue.keys().pool(&pool, "data") })
    }

    fn jobs(&mut self) -> anyhow::Result<Vec<(String, String)>> {
        let all: std::collections::HashMap<String, String> =
            redis::cmd("HGETALL").arg(&self.key).query(&mut self.client)?;
        Ok(all.into_iter().collect())
    }

    /// Rewrites the payload of every job.
    fn rewrite(&mut self, change: impl Fn(&mut Value)) -> anyhow::Result<()> {
        for (job, record) in self.jobs()? {
            let (head, payload) = split(&record);
            let mut payload: Value = serde_json::from_str(payload)?;
            change(&mut payload);
            let _: i64 =
                redis::cmd("HSET").arg(&self.key).arg(&job).arg(format!("{head}|{payload}")).query(&mut self.client)?;
        }
        Ok(())
    }
}

fn split(record: &str) -> (&str, &str) {
    let (bar, _) = record.match_indices('|').nth(4).expect("five fields before the payload");
    (&record[..bar], &record[bar + 1..])
}

#[tokio::test]
async fn w12_a_job_of_a_newer_version_is_read_by_an_older_one() -> anyhow::Result<()> {
    let system = System::start().await?;
    Standing::of(&system, 3).await?.rewrite(|payload| {
        payload["content_version"] = json!(2);
        payload["hints"] = json!({ "dsn": true, "nested": [1, 2, 3] });
        payload["grant"]["a_field_of_tomorrow"] = json!("x");
    })?;
    let worker = system.work()?;
    assert_eq!(system.settle_and_judge().await?.get("accepted"), Some(&3));
    worker.stop().await
}

#[tokio::test]
async fn w12_a_job_of_an_older_version_is_read_by_a_newer_one_and_back() -> anyhow::Result<()> {
    let system = System::start().await?;
    let mut standing = Standing::of(&system, 3).await?;
    let newer: Value = serde_json::from_str(split(&standing.jobs()?[0].1).1)?;
    assert!(newer["grant"].is_object(), "what the older version knows nothing of");
    standing.rewrite(|payload| payload.as_object_mut().expect("an object").retain(|field, _| field == "send"))?;
    let worker = system.work()?;
    assert_eq!(system.settle_and_judge().await?.get("accepted"), Some(&3));
    worker.stop().await
}

#[tokio::test]
async fn w12_a_job_of_an_unknown_kind_is_set_aside_and_its_rows_are_done_all_the_same() -> anyhow::Result<()> {
    let system = System::start().await?;
    let mut standing = Standing::of(&system, 3).await?;
    let strange: Vec<String> = standing.jobs()?.into_iter().map(|(job, _)| job).collect();
    standing.rewrite(|payload| *payload = json!({ "kind": "send_sms", "version": 7, "rows": payload["send"] }))?;
    let worker = system.work()?;
    let counts = system.settle_and_judge().await?;
    assert_eq!(counts.get("accepted"), Some(&3), "{counts:?}");
    let garbage = system.queue.keys().pool(&PoolName::send_shared(), "garbage");
    let set_aside: Vec<String> = redis::cmd("LRANGE").arg(&garbage).arg(0).arg(-1).query(&mut standing.client)?;
    assert!(!strange.is_empty() && strange.iter().all(|job| set_aside.contains(job)), "{strange:?} in {set_aside:?}");
    worker.stop().await
}
