use std::time::Duration;

use store::FleetSigns;
use store::fleet::{NewWorker, WorkerEnd};

use crate::setup::Setup;

const TTL: Duration = Duration::from_secs(10);

#[tokio::test]
async fn one_leads_until_its_time_is_over_or_it_resigns() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let leaders = setup.store.leaders();
    let (one, other) = (setup.ids.next(), setup.ids.next());
    setup.store.leaders().resign(setup.term).await?;

    let first = leaders.elect(one, TTL).await?.expect("nobody leads");
    assert_eq!(leaders.elect(other, TTL).await?, None);
    assert_eq!(leaders.elect(one, TTL).await?, Some(first), "renewing keeps the term");

    setup.database.advance(TTL * 2).await?;
    let second = leaders.elect(other, TTL).await?.expect("the first one's time is over");
    assert!(second.number > first.number);
    assert_eq!(leaders.elect(one, TTL).await?, None);

    leaders.resign(second).await?;
    assert!(leaders.elect(one, TTL).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn of_many_who_stand_for_election_one_wins() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    setup.store.leaders().resign(setup.term).await?;
    let stands = (0..10).map(|_| {
        let (store, owner) = (setup.store.clone(), setup.ids.next());
        tokio::spawn(async move { store.leaders().elect(owner, TTL).await })
    });
    let mut elected = 0;
    for stand in stands.collect::<Vec<_>>() {
        elected += usize::from(stand.await??.is_some());
    }
    assert_eq!(elected, 1);
    Ok(())
}

#[tokio::test]
async fn a_beat_sees_what_there_is_to_do_and_nothing_in_an_idle_fleet() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let signs = async || anyhow::Ok(setup.store.fleet().raise_beat(setup.term, 10.0).await?.expect("it leads").signs);
    let idle = FleetSigns {
        workers_alive: 0,
        worker_silent: false,
        scheduled: false,
        queued: false,
        crashed: false,
        committed: false,
        timers: false,
        timers_queued: false,
        campaigns: false,
    };
    assert_eq!(signs().await?, idle);

    let worker =
        NewWorker { id: setup.worker, name: "w".into(), host: "h".into(), pid: 1, pools: vec!["send/shared".into()] };
    setup.store.workers().register(&worker).await?;
    setup.build.scheduled(setup.tenant, setup.sender, 1).await?;
    assert_eq!(signs().await?, FleetSigns { workers_alive: 1, scheduled: true, ..idle });
    let [fed] = setup.feed(1, 1).await?[..] else { anyhow::bail!("one row was due") };
    let (message, job) = (fed.message, fed.job);
    assert_eq!(signs().await?, FleetSigns { workers_alive: 1, queued: true, ..idle });

    assert!(setup.store.messages().charge_crash(setup.term, job, message).await?);
    setup.database.advance(Duration::from_secs(60)).await?;
    let crashed = FleetSigns { scheduled: true, crashed: true, ..idle };
    assert_eq!(signs().await?, FleetSigns { workers_alive: 1, worker_silent: true, ..crashed });

    setup.committing().await?;
    setup.store.workers().end(setup.worker, WorkerEnd::Lost).await?;
    assert_eq!(signs().await?, FleetSigns { committed: true, ..crashed });
    Ok(())
}

#[tokio::test]
async fn a_new_generation_returns_every_queued_row_once() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    setup.build.scheduled(setup.tenant, setup.sender, 30).await?;
    setup.feed(30, 10).await?;
    let before = setup.store.fleet().state().await?;
    let next = setup.ids.next();
    assert_eq!(setup.store.fleet().begin_generation(setup.term, before.generation, next).await?, Some(30));
    assert_eq!(setup.store.fleet().begin_generation(setup.term, before.generation, setup.ids.next()).await?, None);
    let after = setup.store.fleet().state().await?;
    assert_eq!((after.generation, after.beat), (next, before.beat + 1));
    assert_eq!(setup.database.count("SELECT count(*) FROM message_runs WHERE state = 'scheduled'").await?, 30);
    Ok(())
}

#[tokio::test]
async fn commits_of_a_lost_worker_are_shown_as_uncertain_and_never_queued() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let worker =
        NewWorker { id: setup.worker, name: "w".into(), host: "h".into(), pid: 1, pools: vec!["send/shared".into()] };
    setup.store.workers().register(&worker).await?;
    let (message, _) = setup.committing().await?;
    let messages = setup.store.messages();
    assert!(messages.expire_commits(setup.term, 100).await?.is_empty(), "it lives");

    setup.database.advance(Duration::from_secs(11)).await?;
    assert_eq!(setup.store.workers().write_off_silent(setup.term, 10.0).await?, [setup.worker]);
    assert_eq!(messages.expire_commits(setup.term, 100).await?.len(), 1);
    assert_eq!(setup.state(message).await?, "uncertain");
    assert!(setup.feed(10, 10).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_worker_that_was_written_off_too_early_lives_again() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let worker = NewWorker { id: setup.worker, name: "w".into(), host: "h".into(), pid: 1, pools: vec![] };
    setup.store.workers().register(&worker).await?;
    setup.store.workers().end(setup.worker, WorkerEnd::Lost).await?;
    assert_eq!(setup.store.workers().alive().await?, 0);
    setup.store.workers().beat(setup.worker, false).await?;
    assert_eq!(setup.store.workers().alive().await?, 1);
    Ok(())
}
