use std::collections::BTreeMap;

use domain::campaigns::CampaignState;
use domain::ids::{CampaignId, EnrollmentId, MessageId};
use serde_json::{Value, json};
use store::campaigns::StateAnswer;
use store::enrollments::{BulkChunk, ChunkAnswer, EndAnswer, EnrollAnswer, Kept, NewEnrollment, NotEnrolled};
use store::events::{EventSource, Ingested};
use testkit::Build;

use crate::setup::Setup;

impl Setup {
    /// A campaign of two mails: the second after three days, unless somebody clicks.
    async fn two_mails(&self) -> anyhow::Result<CampaignId> {
        let ways = json!([{"on": "clicked", "to": "end"}, {"on": "elapsed", "to": "second", "after": "P3D"}]);
        let nodes =
            json!([Build::sends("first", ways), Build::sends("second", json!([])), {"id": "end", "action": "stop"}]);
        self.build.campaign(self.tenant, self.sender, nodes).await
    }

    async fn enroll(&self, campaign: CampaignId, asked: &[NewEnrollment]) -> anyhow::Result<Vec<EnrollAnswer>> {
        let next: &(dyn Fn() -> MessageId + Sync) = &|| self.ids.next();
        let (answers, _) =
            self.store.enrollments().enroll(self.tenant, campaign, asked, next).await?.expect("it is open");
        Ok(answers)
    }

    async fn enrolled(&self, campaign: CampaignId, address: &str) -> anyhow::Result<EnrollmentId> {
        match &self.enroll(campaign, &[self.build.enrollment(address)]).await?[..] {
            [EnrollAnswer::Enrolled { id, .. }] => Ok(*id),
            other => anyhow::bail!("{other:?}"),
        }
    }

    async fn tell(&self, event: Value) -> anyhow::Result<Ingested> {
        let event = Build::event(event, self.now().await?)?;
        let source = EventSource { name: "api", id: self.ids.next::<MessageId>().uuid() };
        let next: &(dyn Fn() -> MessageId + Sync) = &|| self.ids.next();
        Ok(self.store.events().ingest_event(self.tenant, self.ids.next(), source, &event, next).await?)
    }

    async fn now(&self) -> anyhow::Result<chrono::DateTime<chrono::Utc>> {
        Ok(self.store.fleet().state().await?.now)
    }

    async fn states(&self, id: EnrollmentId) -> anyhow::Result<(String, BTreeMap<String, String>)> {
        let view = self.store.enrollments().find(self.tenant, id).await?.expect("it exists");
        let told = self.store.enrollments().timeline(self.tenant, id, 100).await?;
        let messages = told.into_iter().filter(|row| row.kind == "message");
        Ok((view.state, messages.map(|row| (row.visit.unwrap_or(0).to_string(), row.what)).collect()))
    }
}

#[tokio::test]
async fn a_contact_is_enrolled_once_however_often_it_is_asked() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let campaign = setup.two_mails().await?;
    let first = setup.enrolled(campaign, "Ann@example.com").await?;
    let again = setup.enroll(campaign, &[setup.build.enrollment("ann@EXAMPLE.com")]).await?;
    assert!(matches!(&again[..], [EnrollAnswer::Existing { id, .. }] if *id == first), "{again:?}");
    let anew = NewEnrollment { force_new: true, ..setup.build.enrollment("ann@example.com") };
    let second = match &setup.enroll(campaign, &[anew]).await?[..] {
        [EnrollAnswer::Enrolled { id, .. }] => *id,
        other => anyhow::bail!("{other:?}"),
    };
    assert_eq!(setup.states(first).await?, ("canceled".to_owned(), BTreeMap::from([("1".into(), "canceled".into())])));
    assert_eq!(setup.states(second).await?, ("active".to_owned(), BTreeMap::from([("1".into(), "scheduled".into())])));
    assert_eq!(setup.database.count("SELECT count(*) FROM contacts").await?, 1);
    Ok(())
}

#[tokio::test]
async fn what_is_known_of_a_contact_stands_in_its_first_message() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let campaign = setup.two_mails().await?;
    let mut known = setup.build.enrollment("ann@example.com");
    known.name = Some("Ann".to_owned());
    known.contact_data.insert("company".to_owned(), json!("Acme"));
    setup.enroll(campaign, &[known]).await?;
    let other = setup.two_mails().await?;
    let mut more = setup.build.enrollment("ann@example.com");
    more.contact_data.insert("city".to_owned(), json!("Rome"));
    setup.enroll(other, &[more]).await?;
    let data: Vec<Value> = sqlx::query_scalar("SELECT data FROM messages ORDER BY id")
        .fetch_all(&mut setup.database.connection().await?)
        .await?;
    assert_eq!(
        (&data[1]["name"], &data[1]["company"], &data[1]["city"]),
        (&json!("Ann"), &json!("Acme"), &json!("Rome"))
    );
    assert_eq!(data[1]["contact"]["email"], json!("ann@example.com"));
    assert!(data[1]["unsubscribe_token"].as_str().is_some_and(|token| token.len() == 43));
    Ok(())
}

#[tokio::test]
async fn a_suppressed_address_is_not_enrolled_and_says_why() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let campaign = setup.two_mails().await?;
    assert!(matches!(
        setup.tell(json!({"type": "unsubscribe", "contact_email": "no@example.com"})).await?,
        Ingested::Yes { .. }
    ));
    let answers = setup
        .enroll(campaign, &[setup.build.enrollment("NO@example.com"), setup.build.enrollment("yes@example.com")])
        .await?;
    assert!(matches!(&answers[0], EnrollAnswer::Suppressed { reason, .. } if reason == "unsubscribe"), "{answers:?}");
    assert!(matches!(&answers[1], EnrollAnswer::Enrolled { .. }));
    assert_eq!(setup.database.count("SELECT count(*) FROM enrollments").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_conversion_cancels_what_is_scheduled_and_counts_once() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let campaign = setup.two_mails().await?;
    let id = setup.enrolled(campaign, "ann@example.com").await?;
    let event = json!({"type": "conversion", "contact_email": "ann@example.com", "event_id": "order-1"});
    let Ingested::Yes { enrollments, kept, .. } = setup.tell(event.clone()).await? else { anyhow::bail!("nobody's") };
    assert_eq!((enrollments, kept), (vec![id], Kept { canceled: 1, ..Kept::default() }));
    assert_eq!(setup.tell(event).await?, Ingested::Known);
    assert_eq!(setup.states(id).await?, ("converted".to_owned(), BTreeMap::from([("1".into(), "canceled".into())])));
    assert_eq!(setup.database.count("SELECT count(*) FROM timers WHERE state IN ('scheduled', 'queued')").await?, 0);
    assert_eq!(setup.tell(json!({"type": "conversion", "contact_email": "who@example.com"})).await?, Ingested::Nobodys);
    Ok(())
}

#[tokio::test]
async fn a_stranger_sees_and_ends_nothing() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let campaign = setup.two_mails().await?;
    let id = setup.enrolled(campaign, "ann@example.com").await?;
    let stranger = setup.build.tenant().await?;
    let next: &(dyn Fn() -> MessageId + Sync) = &|| setup.ids.next();
    let enrollments = setup.store.enrollments();
    assert!(enrollments.find(stranger, id).await?.is_none());
    assert!(enrollments.timeline(stranger, id, 10).await?.is_empty());
    assert_eq!(enrollments.cancel(stranger, id, next).await?, EndAnswer::NotFound);
    let asked = [setup.build.enrollment("ann@example.com")];
    assert_eq!(enrollments.enroll(stranger, campaign, &asked, next).await?.err(), Some(NotEnrolled::NoSuchCampaign));
    assert!(matches!(setup.store.campaigns().stop(stranger, campaign).await?, StateAnswer::NotFound));
    assert_eq!(setup.states(id).await?.0, "active");
    Ok(())
}

#[tokio::test]
async fn a_stopped_campaign_ends_everybody_and_takes_nobody() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let campaign = setup.two_mails().await?;
    let id = setup.enrolled(campaign, "ann@example.com").await?;
    assert_eq!(setup.store.campaigns().stop(setup.tenant, campaign).await?, StateAnswer::Changed);
    assert_eq!(setup.store.campaigns().stop(setup.tenant, campaign).await?, StateAnswer::Already);
    let next: &(dyn Fn() -> MessageId + Sync) = &|| setup.ids.next();
    assert_eq!(setup.store.campaigns().stopped_with_active_all_tenants(10).await?, [(setup.tenant, campaign)]);
    assert_eq!(setup.store.campaigns().end_stopped(setup.tenant, campaign, next).await?, 1);
    assert_eq!(setup.store.campaigns().end_stopped(setup.tenant, campaign, next).await?, 0);
    assert_eq!(setup.states(id).await?, ("canceled".to_owned(), BTreeMap::from([("1".into(), "canceled".into())])));
    let asked = [setup.build.enrollment("bob@example.com")];
    let refused = setup.store.enrollments().enroll(setup.tenant, campaign, &asked, next).await?.err();
    assert_eq!(refused, Some(NotEnrolled::Closed(CampaignState::Stopped)));
    Ok(())
}

#[tokio::test]
async fn what_a_paused_campaign_has_scheduled_waits_in_its_room_and_comes_out_again() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let (campaign, other) = (setup.two_mails().await?, setup.two_mails().await?);
    let asked: Vec<NewEnrollment> = (0..5).map(|n| setup.build.enrollment(&format!("r{n}@example.com"))).collect();
    setup.enroll(campaign, &asked).await?;
    setup.enrolled(other, "one@example.com").await?;
    let campaigns = setup.store.campaigns();
    assert_eq!(campaigns.pause(setup.tenant, campaign, "test", "a look").await?, StateAnswer::Changed);
    let before = setup.feed(10, 5).await?;
    assert_eq!(before.len(), 1, "the other campaign's goes, in its room or not");
    assert_eq!(campaigns.sort_rooms(setup.term).await?, (5, 0));
    assert_eq!(campaigns.sort_rooms(setup.term).await?, (0, 0));
    assert!(
        setup.store.messages().due_lanes_all_tenants().await?.is_empty(),
        "nobody is let out of the room one by one"
    );
    assert_eq!(campaigns.resume(setup.tenant, campaign).await?, StateAnswer::Changed);
    assert_eq!(campaigns.sort_rooms(setup.term).await?, (0, 5));
    assert_eq!(setup.feed(10, 5).await?.len(), 5);
    Ok(())
}

#[tokio::test]
async fn a_queued_message_of_a_paused_campaign_loses_the_compare_and_set() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let campaign = setup.two_mails().await?;
    setup.enrolled(campaign, "r0@recipients.example").await?;
    let fed = setup.feed(1, 1).await?;
    setup.store.campaigns().pause(setup.tenant, campaign, "test", "a look").await?;
    let claim = setup.claim(fed[0].message, fed[0].job).await?;
    let won = setup.commit(std::slice::from_ref(&claim)).await?;
    assert!(won.is_empty(), "{won:?}");
    setup.store.campaigns().resume(setup.tenant, campaign).await?;
    let won = setup.commit(std::slice::from_ref(&claim)).await?;
    assert_eq!(won, [claim.attempt]);
    Ok(())
}

#[tokio::test]
async fn a_stream_goes_on_where_it_was_and_enrolls_nobody_twice() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let campaign = setup.two_mails().await?;
    let (bulk, next): (_, &(dyn Fn() -> MessageId + Sync)) = (setup.ids.next(), &|| setup.ids.next());
    let enrollments = setup.store.enrollments();
    enrollments.open_bulk(setup.tenant, bulk, campaign).await?.expect("a campaign");
    let chunk = |after, last, addresses: &[&str]| BulkChunk {
        after,
        records: addresses.len() as i64,
        enrollments: addresses.iter().map(|address| setup.build.enrollment(address)).collect(),
        last,
        ..BulkChunk::default()
    };
    let take = async |chunk: &BulkChunk| enrollments.take_chunk(setup.tenant, bulk, campaign, chunk, next).await;
    let first = chunk(0, false, &["a@example.com", "b@example.com"]);
    assert!(matches!(take(&first).await?, ChunkAnswer::Taken(kept) if kept.messages == 2));
    assert_eq!(take(&first).await?, ChunkAnswer::Moved, "it is behind that by now");
    assert!(matches!(take(&chunk(2, true, &["b@example.com", "c@example.com"])).await?, ChunkAnswer::Taken(_)));
    let view = enrollments.find_bulk(setup.tenant, bulk).await?.expect("it exists");
    assert_eq!((view.state.as_str(), view.read, view.enrolled, view.existing), ("done", 4, 3, 1));
    assert_eq!(take(&chunk(4, true, &["d@example.com"])).await?, ChunkAnswer::Moved, "it is over");
    assert_eq!(setup.database.count("SELECT count(*) FROM messages").await?, 3);
    Ok(())
}

#[tokio::test]
async fn who_begins_anew_ends_the_old_run_by_its_own_plan_and_once() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let campaign = setup.two_mails().await?;
    let old = setup.enrolled(campaign, "bob@example.com").await?;
    let shorter = Build::new_campaign(setup.sender, json!([Build::sends("only", json!([]))]))?;
    let by = (None, None, "test");
    setup.store.campaigns().add_version(setup.tenant, campaign, (&shorter.plan, &shorter.compiled), by).await?;
    let anew = NewEnrollment { force_new: true, ..setup.build.enrollment("bob@example.com") };
    for _ in 0..2 {
        let answers = setup.enroll(campaign, std::slice::from_ref(&anew)).await?;
        let known = matches!(&answers[..], [EnrollAnswer::Enrolled { id, .. } | EnrollAnswer::Existing { id, .. }] if *id == anew.id);
        assert!(known, "{answers:?}");
    }
    assert_eq!(setup.states(old).await?.0, "canceled");
    let by_its_own = "SELECT count(*) FROM transitions WHERE from_node = 'first' AND on_event = 'canceled'";
    assert_eq!(setup.database.count(by_its_own).await?, 1);
    assert_eq!(setup.states(anew.id).await?.0, "active");
    let runs = "SELECT count(*) FROM enrollments e JOIN contact_addresses a ON a.contact_id = e.contact_id WHERE a.key = 'bob@example.com'";
    assert_eq!(setup.database.count(runs).await?, 2);
    Ok(())
}

#[tokio::test]
async fn what_comes_back_unsent_of_an_ended_enrollment_is_canceled() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let campaign = setup.two_mails().await?;
    let id = setup.enrolled(campaign, "r0@recipients.example").await?;
    let fed = setup.feed(1, 1).await?;
    let claim = setup.claim(fed[0].message, fed[0].job).await?;
    let won = setup.commit(std::slice::from_ref(&claim)).await?;
    assert_eq!(won, [claim.attempt]);
    setup.tell(json!({"type": "conversion", "enrollment_id": id})).await?;
    let later = store::messages::OutcomeRow {
        state: store::messages::OutcomeState::Retry(std::time::Duration::from_secs(60)),
        outcome: "refused",
        class: Some("greylisted"),
        ..store::messages::OutcomeRow::accepted(fed[0].message, claim.attempt)
    };
    setup.store.messages().record_outcomes(setup.worker, &[later]).await?;
    assert_eq!(setup.states(id).await?, ("converted".to_owned(), BTreeMap::from([("1".into(), "canceled".into())])));
    Ok(())
}

#[tokio::test]
async fn an_id_of_the_callers_is_one_contacts_and_spoils_no_stream() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let campaign = setup.two_mails().await?;
    let lead =
        |address: &str| NewEnrollment { external_id: Some("lead-1".to_owned()), ..setup.build.enrollment(address) };
    let answers = setup.enroll(campaign, &[lead("a@example.com"), lead("b@example.com")]).await?;
    assert!(answers.iter().all(|answer| matches!(answer, EnrollAnswer::Enrolled { .. })), "{answers:?}");
    setup.enroll(campaign, &[lead("c@example.com")]).await?;
    assert_eq!(setup.database.count("SELECT count(*) FROM contacts WHERE external_id = 'lead-1'").await?, 1);
    assert_eq!(
        setup.database.count("SELECT count(*) FROM messages WHERE data -> 'lead' ->> 'id' = 'lead-1'").await?,
        1
    );
    Ok(())
}

#[tokio::test]
async fn a_campaign_is_completed_when_nobody_runs_through_it_and_not_before() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let campaign = setup.two_mails().await?;
    let id = setup.enrolled(campaign, "ann@example.com").await?;
    let campaigns = setup.store.campaigns();
    assert_eq!(campaigns.complete(setup.tenant, campaign).await?, StateAnswer::Refused(CampaignState::Active));
    let next: &(dyn Fn() -> MessageId + Sync) = &|| setup.ids.next();
    setup.store.enrollments().cancel(setup.tenant, id, next).await?;
    assert_eq!(campaigns.complete(setup.tenant, campaign).await?, StateAnswer::Changed);
    Ok(())
}

#[tokio::test]
async fn a_process_that_knows_no_plan_yet_steps_enrollments_with_a_single_connection() -> anyhow::Result<()> {
    let mut setup = Setup::new().await?;
    let campaign = setup.two_mails().await?;
    let [ann, bob] =
        [setup.enrolled(campaign, "ann@example.com").await?, setup.enrolled(campaign, "bob@example.com").await?];
    setup.begin_anew()?;
    setup.enrolled(campaign, "cyd@example.com").await?;
    setup.begin_anew()?;
    let told = setup.tell(json!({"type": "conversion", "enrollment_id": ann})).await?;
    assert!(matches!(told, Ingested::Yes { kept, .. } if kept.canceled == 1));
    setup.begin_anew()?;
    let ids = setup.ids.clone();
    let next: &(dyn Fn() -> MessageId + Sync) = &|| ids.next();
    assert!(matches!(setup.store.enrollments().cancel(setup.tenant, bob, next).await?, EndAnswer::Ended(_)));
    assert_eq!(setup.store.campaigns().stop(setup.tenant, campaign).await?, StateAnswer::Changed);
    setup.begin_anew()?;
    assert_eq!(setup.store.campaigns().end_stopped(setup.tenant, campaign, next).await?, 1);
    Ok(())
}
