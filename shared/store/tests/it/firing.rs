use std::collections::HashSet;

use domain::ids::{JobId, MessageId, TimerId};
use domain::timers::FiredKind;
use serde_json::json;
use store::messages::OutcomeRow;
use testkit::Build;
use uuid::Uuid;

use crate::setup::Setup;

/// One contact whose first mail was accepted: a timer says so.
async fn accepted(setup: &Setup) -> anyhow::Result<()> {
    let ways = json!([{"on": "no_open", "to": "second", "after": "PT72H"}]);
    let nodes = json!([Build::sends("first", ways), Build::sends("second", json!([]))]);
    let campaign = setup.build.campaign(setup.tenant, setup.sender, nodes).await?;
    let next: &(dyn Fn() -> MessageId + Sync) = &|| setup.ids.next();
    let asked = [setup.build.enrollment("r0@recipients.example")];
    setup.store.enrollments().enroll(setup.tenant, campaign, &asked, next).await?.expect("it is open");
    let fed = setup.feed(1, 1).await?;
    let claim = setup.claim(fed[0].message, fed[0].job).await?;
    assert_eq!(setup.commit(std::slice::from_ref(&claim)).await?, [claim.attempt]);
    let outcome = OutcomeRow::accepted(fed[0].message, claim.attempt);
    assert_eq!(
        setup.store.messages().record_outcomes(setup.worker, &[outcome]).await?,
        HashSet::from([fed[0].message])
    );
    Ok(())
}

/// Feeds what is due to one job.
async fn fed(setup: &Setup) -> anyhow::Result<(JobId, Vec<TimerId>)> {
    let (ledger, job) = (setup.store.timers().ledger(), setup.ids.next());
    let due = ledger.due_rows_all_tenants(100).await?;
    assert!(due.iter().all(|row| row.tenant() == setup.tenant));
    let given: Vec<(Uuid, JobId)> = due.iter().map(|row| (row.id, job)).collect();
    let fed = ledger.feed(setup.term, &given).await?;
    Ok((job, due.into_iter().filter(|row| fed.contains(&row.id)).map(|row| TimerId(row.id)).collect()))
}

#[tokio::test]
async fn an_acceptance_tells_its_enrollment_once() -> anyhow::Result<()> {
    let mut setup = Setup::new().await?;
    accepted(&setup).await?;
    assert_eq!(
        setup.database.count("SELECT count(*) FROM timers WHERE kind = 'accepted' AND state = 'scheduled'").await?,
        1
    );
    let (job, timers) = fed(&setup).await?;
    setup.begin_anew()?;
    let firing = setup.store.timers().begin_firing(setup.tenant, job, &timers).await?;
    assert_eq!(firing.due.iter().map(|timer| timer.facts.kind).collect::<Vec<_>>(), [FiredKind::Accepted]);
    assert!(firing.enrollments.contains_key(&firing.due[0].enrollment));
    firing.keep(&[], &[]).await?;
    let again = setup.store.timers().begin_firing(setup.tenant, job, &timers).await?;
    assert!(again.due.is_empty(), "it was told");
    Ok(())
}

#[tokio::test]
async fn what_is_dropped_was_never_told_and_another_job_may_not_tell_it() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    accepted(&setup).await?;
    let (job, timers) = fed(&setup).await?;
    drop(setup.store.timers().begin_firing(setup.tenant, job, &timers).await?);
    let stranger = setup.build.tenant().await?;
    let theirs = setup.store.timers().begin_firing(stranger, job, &timers).await?;
    assert!(theirs.due.is_empty() && theirs.enrollments.is_empty());
    drop(theirs);
    let other = setup.store.timers().begin_firing(setup.tenant, setup.ids.next(), &timers).await?;
    assert!(other.due.is_empty());
    drop(other);
    assert_eq!(setup.store.timers().begin_firing(setup.tenant, job, &timers).await?.due.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_timer_whose_job_is_gone_is_due_again_and_one_that_kills_three_workers_is_set_aside() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    accepted(&setup).await?;
    let ledger = setup.store.timers().ledger();
    let (job, _) = fed(&setup).await?;
    assert_eq!(ledger.queued_jobs_all_tenants(0.0, 10).await?, [job]);
    assert_eq!(ledger.rescue_jobs(setup.term, &[job]).await?, 1);
    for crash in 1..=3 {
        let job: JobId = setup.ids.next();
        let due = if crash == 1 {
            ledger.due_rows_all_tenants(10).await?
        } else {
            ledger.crashed_rows_all_tenants(10).await?
        };
        assert_eq!(due.len(), 1, "crash {crash}");
        ledger.feed(setup.term, &[(due[0].id, job)]).await?;
        assert!(ledger.charge_crash(setup.term, job, due[0].id).await?);
        assert!(!ledger.charge_crash(setup.term, job, due[0].id).await?, "once for each crash");
    }
    assert_eq!(
        setup.database.count("SELECT count(*) FROM timers WHERE state = 'quarantined' AND crashes = 3").await?,
        1
    );
    Ok(())
}

#[tokio::test]
async fn a_timer_that_keeps_failing_is_failed_in_the_end_and_seen() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    accepted(&setup).await?;
    for _ in 1..=7 {
        let (job, timers) = fed(&setup).await?;
        let rows: Vec<Uuid> = timers.iter().map(|timer| timer.uuid()).collect();
        setup.store.timers().ledger().retry(job, &rows, std::time::Duration::from_secs(60), "a fault").await?;
        setup.database.advance(std::time::Duration::from_secs(61)).await?;
    }
    let failed = "SELECT count(*) FROM timers WHERE state = 'failed' AND tries = 7 AND last_error = 'a fault'";
    assert_eq!(setup.database.count(failed).await?, 1);
    Ok(())
}
