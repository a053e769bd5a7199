use std::collections::{HashMap, HashSet};
use std::time::Duration;

use domain::messages::Priority;
use store::messages::{DueLane, DueRow, LaneLook};

use crate::setup::Setup;

#[tokio::test]
async fn rows_are_fed_by_priority_then_time_and_cut_into_jobs() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let mut rows = Vec::new();
    for priority in [Priority::Low, Priority::Normal, Priority::High] {
        for _ in 0..10 {
            let mut row = setup.build.message(setup.sender, "ann@recipients.example");
            row.message.priority = priority;
            rows.push(row);
        }
    }
    setup.store.messages().enqueue_messages(setup.tenant, &rows).await?;

    let fed = setup.feed(25, 10).await?;
    assert_eq!(fed.len(), 25);
    let mut by_job: HashMap<_, Vec<_>> = HashMap::new();
    for row in &fed {
        by_job.entry(row.job).or_default().push(row.priority);
    }
    let mut sizes: Vec<usize> = by_job.values().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [5, 10, 10]);
    let low = fed.iter().filter(|row| row.priority == Priority::Low).count();
    assert_eq!(low, 5, "the low ones are left behind");
    Ok(())
}

#[tokio::test]
async fn what_is_not_due_paused_or_somebody_elses_turn_is_left() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let messages = setup.store.messages();
    let mut later = setup.build.message(setup.sender, "ann@recipients.example");
    later.message.send_at = Some(chrono::DateTime::parse_from_rfc3339("2090-01-01T00:00:00Z")?.to_utc());
    messages.enqueue_messages(setup.tenant, &[later]).await?;
    assert!(messages.due_lanes_all_tenants().await?.is_empty());

    setup.build.scheduled(setup.tenant, setup.sender, 3).await?;
    let lanes = messages.due_lanes_all_tenants().await?;
    assert_eq!(lanes.iter().map(|lane| (lane.sender, lane.paused)).collect::<Vec<_>>(), [(setup.sender, false)]);
    assert_eq!(setup.feed(10, 10).await?.len(), 3);

    setup.build.scheduled(setup.tenant, setup.sender, 3).await?;
    setup.store.senders().pause(setup.tenant, setup.sender, "operator", "test").await?;
    assert!(messages.due_lanes_all_tenants().await?.iter().all(|lane| lane.paused));
    assert!(setup.feed(10, 10).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn of_many_senders_in_one_statement_those_that_may_send_are_fed() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let may = setup.senders_of_which_some_are_stopped().await?;
    let (mut looks, mut fed) = (Vec::new(), HashSet::new());
    // An archived sender's rows are fed: a worker ends them, with the reason.
    for (tenant, sender) in [may.paused, may.free, may.of_a_paused_tenant, may.free_elsewhere, may.archived] {
        let rows = setup.build.scheduled(tenant, sender, 2).await?;
        looks.push(LaneLook { tenant, sender, room: "".into(), depth: 2 });
        if may.is_free((tenant, sender)) || (tenant, sender) == may.archived {
            fed.extend(rows);
        }
    }
    let due = setup.store.messages().due_rows(&looks).await?;
    assert_eq!((due.len(), fed.len()), (10, 6));
    may.stop(&setup).await?;
    let given: Vec<_> = due.iter().map(|row| (row, setup.ids.next())).collect();
    assert_eq!(setup.store.messages().feed_rows(setup.term, &given).await?, fed);
    Ok(())
}

#[tokio::test]
async fn a_row_that_was_changed_since_it_was_seen_is_fed_only_when_it_is_seen_again() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let messages = setup.store.messages();
    setup.build.scheduled(setup.tenant, setup.sender, 2).await?;
    let look = LaneLook { tenant: setup.tenant, sender: setup.sender, room: "".into(), depth: 2 };
    let [moved, kept] = messages.due_rows(std::slice::from_ref(&look)).await?.try_into().expect("two rows are due");
    let elsewhere = DueRow { place: kept.place, ..moved.clone() };
    let job = setup.ids.next();
    assert!(messages.feed_rows(setup.term, &[(&elsewhere, job)]).await?.is_empty(), "another row stands there");
    sqlx::query("UPDATE message_runs SET crashes = crashes WHERE message_id = $1")
        .bind(moved.message.uuid())
        .execute(&mut setup.database.connection().await?)
        .await?;
    let fed = messages.feed_rows(setup.term, &[(&moved, job), (&kept, job)]).await?;
    assert_eq!(fed, HashSet::from([kept.message]));
    let [seen] = messages.due_rows(&[look]).await?.try_into().expect("one row is still due");
    assert_eq!(messages.feed_rows(setup.term, &[(&seen, job)]).await?, HashSet::from([moved.message]));
    Ok(())
}

#[tokio::test]
async fn lanes_are_found_among_many_senders() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let mut lanes = Vec::new();
    for _ in 0..5 {
        let tenant = setup.build.tenant().await?;
        for _ in 0..4 {
            let sender = setup.build.sender(tenant, "127.0.0.1:25".parse()?).await?;
            setup.build.scheduled(tenant, sender, 3).await?;
            lanes.push((tenant, sender));
        }
    }
    let found = setup.store.messages().due_lanes_all_tenants().await?;
    assert_eq!(found.len(), 20);
    let look = |lane: &DueLane| LaneLook { tenant: lane.tenant, sender: lane.sender, room: "".into(), depth: 2 };
    let due = setup.store.messages().due_rows(&found.iter().map(look).collect::<Vec<_>>()).await?;
    assert_eq!(due.len(), 40, "two of each lane, from one statement");
    let given: Vec<_> = due.iter().map(|row| (row, setup.ids.next())).collect();
    assert_eq!(setup.store.messages().feed_rows(setup.term, &given).await?.len(), 40);
    assert!(setup.store.messages().feed_rows(setup.term, &given).await?.is_empty(), "each is fed once");
    Ok(())
}

#[tokio::test]
async fn rows_in_a_waiting_room_are_a_lane_of_their_own_and_keep_their_time() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let messages = setup.store.messages();
    let ids = setup.build.scheduled(setup.tenant, setup.sender, 5).await?;
    let look = |room: &str| LaneLook { tenant: setup.tenant, sender: setup.sender, room: room.into(), depth: 10 };
    let before = messages.due_rows(&[look("")]).await?;
    assert!(before.iter().all(|row| &*row.domain == "recipients.example"));

    let aside: Vec<_> = ids[..3].iter().map(|id| (*id, "recipients.example")).collect();
    assert_eq!(messages.move_to_rooms(setup.term, &aside).await?, 3);
    assert_eq!(messages.move_to_rooms(setup.term, &aside).await?, 0, "moving twice changes nothing");
    let mut lanes = messages.due_lanes_all_tenants().await?;
    lanes.sort_by(|a, b| a.room.cmp(&b.room));
    assert_eq!(lanes.iter().map(|lane| &*lane.room).collect::<Vec<_>>(), ["", "recipients.example"]);
    assert_eq!(messages.room_rows_all_tenants(100).await?, [(setup.tenant, 3)]);
    assert_eq!(messages.due_rows(&[look("")]).await?.len(), 2);

    let waiting = messages.due_rows(&[look("recipients.example")]).await?;
    let time = |id| before.iter().find(|row| row.message == id).map(|row| row.run_at);
    assert!(waiting.len() == 3 && waiting.iter().all(|row| time(row.message) == Some(row.run_at)));
    let given: Vec<_> = waiting.iter().map(|row| (row, setup.ids.next())).collect();
    assert_eq!(messages.feed_rows(setup.term, &given).await?.len(), 3);
    messages.cancel_message(setup.tenant, ids[4]).await?;
    assert_eq!(messages.due_lanes_all_tenants().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn whoever_leads_no_more_feeds_nothing() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    setup.build.scheduled(setup.tenant, setup.sender, 3).await?;
    setup.database.advance(Duration::from_secs(7_200)).await?;
    let successor = setup.store.leaders().elect(setup.ids.next(), Duration::from_secs(60)).await?;
    assert!(successor.is_some());
    assert!(setup.feed(10, 10).await?.is_empty());
    assert_eq!(setup.store.fleet().raise_beat(setup.term, 10.0).await?, None);
    assert!(!setup.store.fleet().halt(setup.term, "test").await?);
    assert!(setup.store.workers().write_off_silent(setup.term, 0.0).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_row_that_crashed_goes_alone_and_is_quarantined_the_third_time() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let messages = setup.store.messages();
    setup.build.scheduled(setup.tenant, setup.sender, 5).await?;
    let fed = setup.feed(5, 5).await?;
    let (poison, mut job) = (fed[0].message, fed[0].job);

    for crash in 1..=3 {
        assert!(messages.charge_crash(setup.term, job, poison).await?);
        assert!(!messages.charge_crash(setup.term, job, poison).await?, "charging twice changes nothing");
        if crash == 1 {
            assert_eq!(setup.feed(10, 10).await?.len(), 4, "the others return free");
        }
        let alone = messages.feed_crashed(setup.term, &[setup.ids.next(), setup.ids.next()]).await?;
        if crash < 3 {
            assert_eq!(alone.iter().map(|row| row.message).collect::<Vec<_>>(), [poison]);
            job = alone[0].job;
        } else {
            assert!(alone.is_empty());
        }
    }
    assert_eq!(setup.state(poison).await?, "quarantined");
    Ok(())
}
