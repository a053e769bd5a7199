//! Limits in the whole system, judged by the sink's own log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ids::{MessageId, SenderId, WorkerId};
use domain::limits::LimitTarget;
use domain::messages::MessageState;
use e2e::System;
use limits::Limiter;
use orchestrator::Parts;
use providers::smtp::ConnectionGate;
use queue::{Keys, QueueLink};
use runtime::pulse::{adopt_pulse, watch_pulse};
use runtime::{DatabaseClock, Ids};
use store::messages::EnqueueRow;
use testkit::proxy::Fault;
use testkit::sink::{Action, Moment, SinkOptions};
use testkit::{FaultProxy, until, until_within};
use worker::SenderConnections;

async fn enqueue(
    system: &System,
    sender: SenderId,
    to: impl Fn(usize) -> String,
    count: usize,
) -> anyhow::Result<Vec<MessageId>> {
    let rows: Vec<EnqueueRow> = (0..count).map(|at| system.build.message(sender, &to(at))).collect();
    system.store.messages().enqueue_messages(system.tenant, &rows).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

async fn accepted(system: &System) -> anyhow::Result<i64> {
    system.database.count("SELECT count(*) FROM message_runs WHERE state = 'accepted'").await
}

#[tokio::test]
async fn a_limit_holds_over_several_workers() -> anyhow::Result<()> {
    let system = System::start().await?;
    system.limit(LimitTarget::Sender(system.tenant, system.sender), &["20/s,burst=3"]).await?;
    let _workers = [system.work()?, system.work()?, system.work()?];
    enqueue(&system, system.sender, |at| format!("p{at}@recipients.example"), 80).await?;
    system.until_settled().await;
    let times: Vec<u64> = system.sink.events()?.iter().map(|event| event.at_ms).collect();
    assert_eq!(times.len(), 80);
    for (from, begin) in times.iter().enumerate() {
        for (to, end) in times.iter().enumerate().skip(from) {
            let allowed = 20.0 * ((end - begin) as f64 / 1_000.0 + 5.0) + 3.0;
            assert!((to - from + 1) as f64 <= allowed, "{} in {} ms", to - from + 1, end - begin);
        }
    }
    let took = times[79] - times[0];
    assert!((3_500..8_000).contains(&took), "eighty at twenty a second took {took} ms");
    Ok(())
}

#[tokio::test]
async fn a_raised_limit_holds_within_two_seconds_and_rewrites_no_waiting_row() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.serve().await?;
    let path = format!("/v1/limits/sender/{}", system.sender);
    system.limit(LimitTarget::Sender(system.tenant, system.sender), &["1/h"]).await?;
    let _worker = system.work()?;
    let ids = enqueue(&system, system.sender, |at| format!("p{at}@recipients.example"), 5).await?;
    let (_, body) = api.get(&format!("/v1/messages/{}", ids[4])).await?;
    assert_eq!(body["waiting"]["on"], "limit", "{body}");
    assert_eq!(body["waiting"]["key"], format!("sender:{}", system.sender));
    let versions = "SELECT count(*) FROM message_runs WHERE state = 'scheduled' AND xmin::text::bigint = (SELECT max(xmin::text::bigint) FROM message_runs)";
    assert_eq!(system.database.count(versions).await?, 5, "they were written once, together");
    let since = Instant::now();
    api.put(&path, &serde_json::json!({"limits": ["1000/s"]})).await?;
    assert_eq!(system.database.count(versions).await?, 5, "raising a limit writes none of them");
    until("all have left", async || Ok(accepted(&system).await? == 5)).await;
    assert!(since.elapsed() < Duration::from_millis(2_500), "{:?}", since.elapsed());
    Ok(())
}

/// As in `postfleet up`, where the API and the orchestrator are one process with one view of Redis.
#[tokio::test]
async fn the_leaders_neighbour_in_one_process_hears_of_changed_limits_too() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let parts = Parts::new(system.store.clone(), system.queue.clone(), Ids::system());
    tokio::spawn(orchestrator::run(parts.clone(), None, system.shutdown.clone()));
    until("the leader knows the limits", async || Ok(parts.limits.version().is_some())).await;
    let (limits, clock) = (Limiter::new(system.queue.link().clone()), DatabaseClock::default());
    let (store, queue) = (system.store.clone(), system.queue.clone());
    tokio::spawn(watch_pulse(store, queue, limits.clone(), clock.clone(), system.shutdown.clone()));
    until("its neighbour knows them", async || Ok(limits.version().is_some() && clock.now().is_some())).await;

    let before = limits.version();
    system.build.limit(LimitTarget::Global, &["7/s"]).await?;
    until("its neighbour knows the changed ones", async || Ok(limits.version() > before)).await;
    Ok(())
}

#[tokio::test]
async fn rows_to_an_exhausted_domain_step_aside_and_those_behind_them_go() -> anyhow::Result<()> {
    let system = System::start().await?;
    system.limit(LimitTarget::Domain(system.tenant, "full.example".into()), &["1/h"]).await?;
    let _worker = system.work()?;
    enqueue(&system, system.sender, |at| format!("p{at}@full.example"), 3_000).await?;
    let others = enqueue(&system, system.sender, |at| format!("p{at}@free.example"), 50).await?;
    until_within(Duration::from_secs(20), "the others have left", async || Ok(accepted(&system).await? == 50)).await;
    assert_eq!(system.taken(others[49])?, 1);
    // A better day for the domain: its room is served, and what comes fresh waits behind it.
    system.limit(LimitTarget::Domain(system.tenant, "full.example".into()), &["1000/s"]).await?;
    until_within(Duration::from_secs(30), "the room is empty", async || Ok(accepted(&system).await? == 3_050)).await;
    assert_eq!(system.judge().await?["accepted"], 3_050);
    Ok(())
}

#[tokio::test]
async fn a_days_quota_outlives_redis() -> anyhow::Result<()> {
    let system = System::start().await?;
    system.limit(LimitTarget::Sender(system.tenant, system.sender), &["5/day"]).await?;
    let _worker = system.work()?;
    let api = system.serve().await?;
    enqueue(&system, system.sender, |at| format!("p{at}@recipients.example"), 3).await?;
    until("three have left", async || Ok(accepted(&system).await? == 3)).await;
    let _: () = redis::cmd("FLUSHALL").query(&mut system.redis.client()?)?;
    let ids = enqueue(&system, system.sender, |at| format!("q{at}@recipients.example"), 9).await?;
    until("the quota is used up", async || Ok(accepted(&system).await? == 5)).await;
    until("the rest says so", async || {
        let mut on_quota = 0;
        for id in &ids {
            let (_, body) = api.get(&format!("/v1/messages/{id}")).await?;
            on_quota += usize::from(body["waiting"]["because"].as_str().is_some_and(|text| text.contains("quota")));
        }
        Ok(on_quota == 7)
    })
    .await;
    assert_eq!(accepted(&system).await?, 5);
    assert_eq!(system.sink.accepted()?.len(), 5);
    Ok(())
}

#[tokio::test]
async fn nothing_is_sent_after_a_pause_is_acknowledged() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _workers = [system.work()?, system.work()?];
    let api = system.serve().await?;
    system.sink.rule(Moment::Dot, None, None, Action::AcceptAfterMs(20))?;
    enqueue(&system, system.sender, |at| format!("p{at}@recipients.example"), 1_500).await?;
    for pause in [format!("/v1/senders/{}/pause", system.sender), "/v1/queue/pause".to_owned()] {
        let before = accepted(&system).await?;
        until("mail flows", async || Ok(accepted(&system).await? > before + 20)).await;
        let (status, body) = api.post(&pause, &serde_json::json!({"reason": "a test"})).await?;
        let at_ack = system.sink.events()?.len();
        assert_eq!((status.as_u16(), &body["paused"]["reason"]), (200, &serde_json::json!("a test")));
        let (_, again) = api.post(&pause, &serde_json::json!({})).await?;
        assert_eq!((&again["changed"], &again["paused"]["reason"]), (&false.into(), &serde_json::json!("a test")));
        until("nothing is on its way", async || {
            let open = "SELECT count(*) FROM message_runs WHERE state IN ('queued', 'committing')";
            Ok(system.database.count(open).await? == 0)
        })
        .await;
        // Whoever is handed a row now is refused: the feeder, and a worker's commit.
        system.message("late@recipients.example").await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(system.sink.events()?.len(), at_ack, "{pause}");
        assert!(at_ack < 1_500, "there is something left to be held back");
        let (_, resumed) = api.post(&pause.replace("pause", "resume"), &serde_json::json!({})).await?;
        assert_eq!((&resumed["changed"], &resumed["paused"]), (&true.into(), &serde_json::Value::Null));
    }
    system.sink.clear_rules()?;
    system.until_settled().await;
    assert_eq!(system.judge().await?["accepted"], 1_502);
    Ok(())
}

#[tokio::test]
async fn all_workers_together_open_no_more_connections_than_the_sender_may_have() -> anyhow::Result<()> {
    let system = System::start().await?;
    let sender = system.build.sender_with(system.tenant, system.sink.smtp, |new| new.max_connections = 3).await?;
    let _workers = [system.work()?, system.work()?, system.work()?];
    system.sink.rule(Moment::Dot, None, None, Action::AcceptAfterMs(30))?;
    enqueue(&system, sender, |at| format!("p{at}@recipients.example"), 150).await?;
    until_within(Duration::from_secs(40), "all have left", async || Ok(accepted(&system).await? == 150)).await;
    let most = system.sink.most_in_hand()?;
    assert!((2..=3).contains(&most), "{most} at once");
    Ok(())
}

/// A count from before a lease that arrives after it would free for others what is open here.
#[tokio::test]
async fn what_a_worker_says_it_holds_does_not_cross_what_it_is_being_given() -> anyhow::Result<()> {
    let system = System::start().await?;
    let proxy = FaultProxy::before(system.redis.address()).await?;
    let queue = QueueLink::connect(&format!("redis://{}", proxy.address), Keys::default())?;
    let (limits, worker) = (Limiter::new(queue.link().clone()), system.ids.next::<WorkerId>());
    adopt_pulse(&system.store, &queue, &limits, &DatabaseClock::default()).await?;
    let connections = Arc::new(SenderConnections::new(worker, system.sender, 1, limits.clone()));

    proxy.set(Fault { latency: Duration::from_millis(300), ..Fault::default() });
    let entering = tokio::spawn({
        let connections = Arc::clone(&connections);
        async move { connections.enter().await }
    });
    let leased = Keys::default().connections(system.sender);
    until("Redis has given it one", async || {
        Ok(redis::cmd("HEXISTS").arg(&leased).arg(worker.to_string()).query::<bool>(&mut system.redis.client()?)?)
    })
    .await;
    SenderConnections::renew(&limits, worker, std::slice::from_ref(&connections)).await?;
    let _open = entering.await?;
    let other = system.limits.lease_connections(system.ids.next(), system.sender, 1, 1).await?;
    assert_eq!(other.granted, 0, "the one there may be is open");
    Ok(())
}

#[tokio::test]
async fn what_waited_too_long_for_its_connection_asks_again_and_is_sent_once() -> anyhow::Result<()> {
    let system = System::start().await?;
    let sender = system.build.sender_with(system.tenant, system.sink.smtp, |new| new.max_connections = 1).await?;
    let _worker = system.work()?;
    system.sink.rule(Moment::Rcpt, None, Some(6), Action::DelayMs(1_200))?;
    let ids = enqueue(&system, sender, |at| format!("p{at}@recipients.example"), 10).await?;
    system.until_settled().await;
    for id in ids {
        assert_eq!((system.state(id).await?, system.taken(id)?), (MessageState::Accepted, 1));
    }
    Ok(())
}
