//! Campaigns from the API to the receiving server and back.

use std::time::Duration;

use domain::ids::{CampaignId, EnrollmentId};
use e2e::{Client, System};
use serde_json::{Value, json};
use testkit::{Build, until};

const DAY: Duration = Duration::from_secs(86_400);

/// A first mail; a second one after three days without an open, a third one to who opened.
fn reacts() -> Value {
    let ways = json!([{"on": "opened", "to": "opened"}, {"on": "no_open", "to": "again", "after": "PT72H"}]);
    json!([Build::sends("first", ways), Build::sends("again", json!([])), Build::sends("opened", json!([]))])
}

async fn create(client: &Client, system: &System, nodes: Value) -> anyhow::Result<CampaignId> {
    let plan = json!({"version": 1, "startNodeId": nodes[0]["id"], "nodes": nodes});
    let body = json!({"name": "Spring", "sender": system.sender, "plan": plan, "start": true});
    let (status, told) = client.post("/v1/campaigns", &body).await?;
    anyhow::ensure!(status == 201, "{told}");
    Ok(told["id"].as_str().expect("an id").parse()?)
}

async fn enroll(client: &Client, campaign: CampaignId, email: &str, options: Value) -> anyhow::Result<EnrollmentId> {
    let body = json!({"campaign_id": campaign, "contact": {"email": email, "name": "Ann"}, "options": options});
    let (status, told) = client.post("/v1/enrollments", &body).await?;
    anyhow::ensure!(status == 201, "{told}");
    Ok(told["id"].as_str().expect("an id").parse()?)
}

impl Watched<'_> {
    async fn state(&self, id: EnrollmentId) -> anyhow::Result<(String, String)> {
        let view = self.0.store.enrollments().find(self.0.tenant, id).await?.expect("it exists");
        Ok((view.state, view.node))
    }

    async fn until(&self, id: EnrollmentId, state: &str, node: &str) {
        let what = format!("the enrollment is {state} at {node}");
        until(&what, async || Ok(self.state(id).await? == (state.to_owned(), node.to_owned()))).await;
    }

    /// Waits until the first mail is accepted and its enrollment knows.
    async fn until_waiting(&self, timers: i64) {
        let set = "SELECT count(*) FROM timers WHERE state = 'scheduled' AND kind = 'no_open'";
        until("its timers are set", async || Ok(self.0.database.count(set).await? == timers)).await;
    }
}

struct Watched<'a>(&'a System);

async fn tell(client: &Client, event: Value) -> anyhow::Result<Value> {
    let (status, told) = client.post("/v1/events", &event).await?;
    anyhow::ensure!(status == 202, "{told}");
    Ok(told)
}

/// A provider's call that nobody has read yet.
async fn leave_call_unread(system: &System) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO webhook_calls (id, tenant_id, source, body, body_sha256) VALUES ($1, $2, 'test', '', sha256(''))",
    )
    .bind(system.ids.next::<EnrollmentId>().uuid())
    .bind(system.tenant.uuid())
    .execute(&mut system.database.connection().await?)
    .await?;
    Ok(())
}

#[tokio::test]
async fn who_opens_goes_one_way_and_who_does_not_goes_the_other() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (client, worker, watch) = (system.serve().await?, system.work()?, Watched(&system));
    let campaign = create(&client, &system, reacts()).await?;
    let opens = enroll(&client, campaign, "opens@recipients.example", json!({})).await?;
    let sleeps = enroll(&client, campaign, "sleeps@recipients.example", json!({})).await?;
    watch.until_waiting(2).await;
    tell(&client, json!({"type": "open", "enrollment_id": opens})).await?;
    watch.until(opens, "completed", "opened").await;
    assert_eq!(watch.state(sleeps).await?, ("active".to_owned(), "first".to_owned()));
    system.database.advance(3 * DAY + Duration::from_secs(60)).await?;
    watch.until(sleeps, "completed", "again").await;
    assert_eq!(system.sink.accepted()?.values().sum::<usize>(), 4);
    system.judge().await?;

    let (_, told) = client.get(&format!("/v1/enrollments/{sleeps}/timeline")).await?;
    let kinds: Vec<&str> =
        told["data"].as_array().expect("a list").iter().filter_map(|row| row["kind"].as_str()).collect();
    for kind in ["enrolled", "message", "timer", "transition", "ended"] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    let (_, campaign) = client.get(&format!("/v1/campaigns/{campaign}")).await?;
    assert_eq!(campaign["counts"]["enrollments"], json!({"completed": 2}));
    assert_eq!(campaign["counts"]["messages"], json!({"accepted": 4}));
    worker.stop().await
}

/// The race rule of timers: an open before, after, and one that stands in a call that nobody has read yet.
#[tokio::test]
async fn no_open_looks_at_when_it_happened_and_waits_for_unread_calls() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (client, worker, watch) = (system.serve().await?, system.work()?, Watched(&system));
    let campaign = create(&client, &system, reacts()).await?;
    let id = enroll(&client, campaign, "ann@recipients.example", json!({})).await?;
    watch.until_waiting(1).await;
    leave_call_unread(&system).await?;
    system.database.advance(3 * DAY + Duration::from_secs(60)).await?;
    let snoozed = "SELECT count(*) FROM timers WHERE kind = 'no_open' AND state = 'scheduled' AND run_at > due + interval '1 minute'";
    until("the timer is snoozed", async || Ok(system.database.count(snoozed).await? == 1)).await;
    assert_eq!(watch.state(id).await?, ("active".to_owned(), "first".to_owned()));
    // The call held an open of the second day: the timer, told after it, comes to nothing.
    let day_two = system.store.fleet().state().await?.now - chrono::TimeDelta::days(1);
    let open = json!({"type": "open", "enrollment_id": id, "occurred_at": day_two});
    // Until the API has read the new time, that day lies in its future.
    until("the open is taken in", async || Ok(tell(&client, open.clone()).await.is_ok())).await;
    sqlx::query("UPDATE webhook_calls SET state = 'done', finished_at = postfleet_now()")
        .execute(&mut system.database.connection().await?)
        .await?;
    watch.until(id, "completed", "opened").await;
    let again = "SELECT count(*) FROM timers WHERE kind = 'no_open' AND state = 'canceled'";
    assert_eq!(system.database.count(again).await?, 1);
    assert_eq!(system.sink.accepted()?.values().sum::<usize>(), 2, "the mail for who did not open never left");
    worker.stop().await
}

#[tokio::test]
async fn unread_calls_hold_a_timer_for_ten_minutes_and_no_longer() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (client, worker, watch) = (system.serve().await?, system.work()?, Watched(&system));
    let campaign = create(&client, &system, reacts()).await?;
    let id = enroll(&client, campaign, "ann@recipients.example", json!({})).await?;
    watch.until_waiting(1).await;
    leave_call_unread(&system).await?;
    system.database.advance(3 * DAY + Duration::from_secs(601)).await?;
    watch.until(id, "completed", "again").await;
    worker.stop().await
}

#[tokio::test]
async fn a_link_to_unsubscribe_shows_first_and_acts_when_it_is_posted_to() -> anyhow::Result<()> {
    let system = System::start().await?;
    system.sink.keep_headers()?;
    let (client, worker, watch) = (system.serve().await?, system.work()?, Watched(&system));
    let campaign = create(&client, &system, reacts()).await?;
    let id = enroll(&client, campaign, "ann@recipients.example", json!({})).await?;
    watch.until_waiting(1).await;
    let taken = system.sink.events()?.into_iter().find(|event| event.event == "accepted").expect("one was taken");
    for header in ["List-Unsubscribe", "List-Unsubscribe-Post"] {
        assert!(taken.headers.iter().any(|name| name.eq_ignore_ascii_case(header)), "{header} in {:?}", taken.headers);
    }
    let data: Value = sqlx::query_scalar("SELECT data FROM messages LIMIT 1")
        .fetch_one(&mut system.database.connection().await?)
        .await?;
    let path = format!("/u/{}", data["unsubscribe_token"].as_str().expect("a token"));
    let stranger = client.with_key("");
    let shown = stranger.send("GET", &path, &[], "").await?;
    assert!(shown.status == 200 && shown.text.contains("<form method=\"post\">"), "{}", shown.text);
    assert_eq!(watch.state(id).await?.0, "active", "who looks has not asked for anything");
    for _ in 0..2 {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        assert_eq!(stranger.send("POST", &path, &form, "List-Unsubscribe=One-Click").await?.status, 200);
        assert_eq!(watch.state(id).await?.0, "unsubscribed");
    }
    let last = path.chars().last().expect("a token");
    let forged = format!("{}{}", &path[..path.len() - 1], if last == 'A' { 'Q' } else { 'A' });
    assert_eq!(stranger.send("POST", &forged, &[], "").await?.status, 404);
    let body = json!({"campaign_id": campaign, "contact": {"email": "ann@recipients.example"}, "options": {"force_new": true}});
    let (status, told) = client.post("/v1/enrollments", &body).await?;
    assert_eq!((status.as_u16(), &told["error"]["code"]), (400, &json!("contact_suppressed")), "{told}");
    worker.stop().await
}

#[tokio::test]
async fn in_test_mode_days_are_minutes_and_nothing_leaves() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (client, worker, watch) = (system.serve().await?, system.work()?, Watched(&system));
    let campaign = create(&client, &system, reacts()).await?;
    let id = enroll(&client, campaign, "ann@recipients.example", json!({"test_mode": true})).await?;
    watch.until_waiting(1).await;
    system.database.advance(Duration::from_secs(181)).await?;
    watch.until(id, "completed", "again").await;
    assert!(system.sink.accepted()?.is_empty());
    assert_eq!(system.database.count("SELECT count(*) FROM message_runs WHERE state = 'accepted'").await?, 2);
    worker.stop().await
}

#[tokio::test]
async fn a_paused_campaign_says_so_and_sends_when_it_goes_on() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (client, watch) = (system.serve().await?, Watched(&system));
    let campaign = create(&client, &system, reacts()).await?;
    let (status, told) = client.post(&format!("/v1/campaigns/{campaign}/pause"), &json!({"reason": "a typo"})).await?;
    assert_eq!((status.as_u16(), &told["state"]), (200, &json!("paused")), "{told}");
    let id = enroll(&client, campaign, "ann@recipients.example", json!({})).await?;
    let worker = system.work()?;
    let held = "SELECT count(*) FROM message_runs WHERE state = 'scheduled' AND wait_key LIKE 'campaign:%'";
    until("it waits in the campaign's room", async || Ok(system.database.count(held).await? == 1)).await;
    let (_, messages) = client.get("/v1/messages").await?;
    let message = messages["data"][0]["id"].as_str().expect("an id");
    let (_, told) = client.get(&format!("/v1/messages/{message}")).await?;
    assert_eq!(told["waiting"]["on"], "campaign_pause", "{told}");
    assert!(told["waiting"]["because"].as_str().is_some_and(|because| because.contains("a typo")), "{told}");
    client.post(&format!("/v1/campaigns/{campaign}/resume"), &json!({})).await?;
    watch.until_waiting(1).await;
    assert_eq!(watch.state(id).await?.0, "active");
    worker.stop().await
}

#[tokio::test]
async fn a_message_that_limits_kept_past_its_hours_waits_for_the_next_day() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    // Open for an hour from now on.
    let now = system.store.fleet().state().await?.now;
    let hours = |at: chrono::DateTime<chrono::Utc>| at.format("%H:00").to_string();
    let (from, to) = (now - chrono::TimeDelta::hours(1), now + chrono::TimeDelta::hours(2));
    if hours(from) > hours(to) {
        // Around midnight a window would end before it begins: there is nothing to be shown then.
        return Ok(());
    }
    let plan = json!({"version": 1, "startNodeId": "first", "nodes": [Build::sends("first", json!([]))],
        "sendingWindow": {"start": hours(from), "end": hours(to)}});
    let body = json!({"name": "Spring", "sender": system.sender, "plan": plan, "start": true});
    let (status, told) = client.post("/v1/campaigns", &body).await?;
    anyhow::ensure!(status == 201, "{told}");
    enroll(&client, told["id"].as_str().expect("an id").parse()?, "ann@recipients.example", json!({})).await?;
    system.database.advance(Duration::from_secs(4 * 3_600)).await?;
    let worker = system.work()?;
    let later = "SELECT count(*) FROM message_runs WHERE state = 'scheduled' AND run_at > postfleet_now() + interval '10 hours' AND tries = 0";
    until("it is put off to the next day", async || Ok(system.database.count(later).await? == 1)).await;
    assert!(system.sink.accepted()?.is_empty());
    system.database.advance(Duration::from_secs(20 * 3_600)).await?;
    system.until_taken(1).await;
    worker.stop().await
}

#[tokio::test]
async fn a_stream_of_contacts_is_enrolled_with_what_is_wrong_told() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    let campaign = create(&client, &system, reacts()).await?;
    let mut lines = "email,name,company\n".to_owned();
    for n in 0..2_500 {
        lines += &format!("r{n}@recipients.example,Ann {n},Acme\n");
    }
    lines += "no address,X,Y\n";
    let path = format!("/v1/campaigns/{campaign}/enrollments/bulk");
    let csv = [("Content-Type", "text/csv")];
    let told = client.send("POST", &path, &csv, lines.clone()).await?;
    assert_eq!(told.status, 200, "{}", told.text);
    let view = told.json();
    assert_eq!(
        (&view["state"], &view["read"], &view["enrolled"], &view["invalid"]),
        (&json!("done"), &json!(2_501), &json!(2_500), &json!(1))
    );
    assert_eq!(view["problems"][0]["line"], 2_502);
    let again =
        client.send("POST", &format!("{path}?bulk={}", view["id"].as_str().expect("an id")), &csv, lines).await?;
    assert_eq!(again.json()["enrolled"], 2_500, "{}", again.text);
    assert_eq!(system.database.count("SELECT count(*) FROM enrollments").await?, 2_500);
    Ok(())
}

/// Redis is emptied while timers are on their way: each is told once.
#[tokio::test]
async fn timers_outlive_redis() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (client, worker) = (system.serve().await?, system.work()?);
    let wait = json!({"id": "a", "action": "wait", "schedule": {"delay": "P1D"}, "transitions": [{"on": "elapsed", "to": "b"}]});
    let nodes = json!([wait, Build::sends("b", json!([]))]);
    let campaign = create(&client, &system, nodes).await?;
    let lines: String = (0..300).map(|n| format!("{{\"email\": \"r{n}@recipients.example\"}}\n")).collect();
    let path = format!("/v1/campaigns/{campaign}/enrollments/bulk");
    let told = client.send("POST", &path, &[("Content-Type", "application/x-ndjson")], lines).await?;
    assert_eq!(told.json()["enrolled"], 300, "{}", told.text);
    system.database.advance(DAY + Duration::from_secs(1)).await?;
    let some = "SELECT count(*) FROM timers WHERE kind = 'elapsed' AND state IN ('queued', 'done')";
    until("timers are on their way", async || Ok(system.database.count(some).await? > 0)).await;
    redis::cmd("FLUSHALL").exec(&mut system.redis.client()?)?;
    let over = "SELECT count(*) FROM enrollments WHERE state = 'completed'";
    until("everybody has come through", async || Ok(system.database.count(over).await? == 300)).await;
    assert_eq!(system.sink.accepted()?.len(), 300);
    assert_eq!(system.database.count("SELECT count(*) FROM messages").await?, 300);
    system.judge().await?;
    worker.stop().await
}
