use std::collections::HashSet;

use std::time::Duration;

use domain::address::Address;
use domain::ids::{AttemptId, JobId, MessageId};
use serde_json::Value;
use sqlx::types::Json;
use store::messages::{Expectation, OutcomeRow, OutcomeState};

use crate::setup::Setup;

fn outcome(message: MessageId, expect: Expectation, state: OutcomeState) -> OutcomeRow {
    OutcomeRow {
        message,
        place: None,
        expect,
        state,
        charged: true,
        outcome: "refused",
        phase: Some("rcpt_to"),
        class: Some("greylisted"),
        reply: Some("451 try later".to_owned()),
        suppress: None,
    }
}

fn accepted(message: MessageId, attempt: AttemptId) -> OutcomeRow {
    OutcomeRow {
        class: None,
        phase: None,
        outcome: "accepted",
        ..outcome(message, Expectation::Attempt(attempt), OutcomeState::Accepted)
    }
}

/// How many rows each statement changes.
const COUNT_STATEMENTS: &str = "
    CREATE TABLE statements (number bigint GENERATED ALWAYS AS IDENTITY, changed bigint NOT NULL);
    CREATE FUNCTION count_statement() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO statements (changed) SELECT count(*) FROM changed_rows; RETURN NULL; END $$;
    CREATE TRIGGER count_statement AFTER UPDATE ON message_runs REFERENCING NEW TABLE AS changed_rows
        FOR EACH STATEMENT EXECUTE FUNCTION count_statement();";

#[tokio::test]
async fn an_acceptance_is_recorded_once_and_shown_in_the_history() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let (message, attempt) = setup.committing().await?;
    let messages = setup.store.messages();
    let row = accepted(message, attempt);
    assert_eq!(messages.record_outcomes(setup.worker, std::slice::from_ref(&row)).await?, HashSet::from([message]));
    assert!(messages.record_outcomes(setup.worker, std::slice::from_ref(&row)).await?.is_empty());
    assert!(messages.still_expected(&[row]).await?.is_empty());

    let view = messages.find_message(setup.tenant, message).await?.expect("stored");
    assert_eq!(view.state.as_str(), "accepted");
    assert_eq!(view.attempts.len(), 1);
    assert_eq!(view.attempts[0].attempt, Some(attempt));
    assert_eq!(view.attempts[0].worker, Some(setup.worker));
    Ok(())
}

#[tokio::test]
async fn acceptances_are_recorded_where_their_rows_stand_and_one_that_moved_by_its_key() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let messages = setup.store.messages();
    let mut rows = Vec::new();
    for _ in 0..3 {
        let (message, job) = setup.queued().await?;
        let claim = setup.claim(message, job).await?;
        let won = messages.commit_attempts(setup.worker, &[claim]).await?;
        let [(attempt, place)] = won[..] else { anyhow::bail!("{won:?}") };
        rows.push(OutcomeRow { place: Some(place), reply: Some("250 taken".to_owned()), ..accepted(message, attempt) });
    }
    rows[2].state = OutcomeState::Failed;
    sqlx::query("UPDATE message_runs SET crashes = crashes WHERE message_id = $1")
        .bind(rows[1].message.uuid())
        .execute(&mut setup.database.connection().await?)
        .await?;
    let all: HashSet<MessageId> = rows.iter().map(|row| row.message).collect();
    sqlx::raw_sql(COUNT_STATEMENTS).execute(&mut setup.database.connection().await?).await?;
    assert_eq!(messages.record_outcomes(setup.worker, &rows).await?, all);
    let counted: Vec<i64> = sqlx::query_scalar("SELECT changed FROM statements ORDER BY number")
        .fetch_all(&mut setup.database.connection().await?)
        .await?;
    assert_eq!(counted, [1, 2], "the plain one the short way, the others the long one");
    assert!(messages.record_outcomes(setup.worker, &rows).await?.is_empty());
    let mut told = Vec::new();
    for row in &rows {
        let view = messages.find_message(setup.tenant, row.message).await?.expect("stored");
        told.push((view.state.as_str(), view.tries, view.attempts.len()));
    }
    assert_eq!(told, [("accepted", 1, 1), ("accepted", 1, 1), ("failed", 1, 1)]);
    Ok(())
}

#[tokio::test]
async fn the_short_way_leaves_a_row_as_the_long_one_does() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let messages = setup.store.messages();
    let mut left = Vec::new();
    for (shortly, was_refused) in [(true, false), (false, false), (true, true), (false, true)] {
        let (message, mut job) = setup.queued().await?;
        if was_refused {
            let refused = outcome(message, Expectation::Job(job), OutcomeState::Retry(Duration::ZERO));
            messages.record_outcomes(setup.worker, &[refused]).await?;
            job = setup.feed(1, 1).await?[0].job;
        }
        let claim = setup.claim(message, job).await?;
        let [(attempt, place)] = messages.commit_attempts(setup.worker, &[claim]).await?[..] else {
            anyhow::bail!("it is won")
        };
        let place = shortly.then_some(place);
        let row = OutcomeRow { place, reply: Some("250 taken".to_owned()), ..accepted(message, attempt) };
        assert_eq!(messages.record_outcomes(setup.worker, &[row]).await?.len(), 1);
        let sql = "SELECT to_jsonb(r) - ARRAY['message_id', 'job_id', 'attempt_id'] FROM message_runs r WHERE message_id = $1";
        let Json(mut row): Json<serde_json::Map<String, Value>> =
            sqlx::query_scalar(sql).bind(message.uuid()).fetch_one(&mut setup.database.connection().await?).await?;
        assert_eq!(row["worker_id"], setup.worker.uuid().to_string());
        assert_eq!(row["accepted_at"], row["finished_at"]);
        // The clock goes on: of times it is told whether they are there.
        for (_, time) in row.iter_mut().filter(|(name, _)| name.ends_with("_at") || name.ends_with("_deadline")) {
            *time = Value::Bool(!time.is_null());
        }
        left.push(row);
    }
    assert_eq!(left[0], left[1]);
    assert_eq!(left[2], left[3]);
    assert_eq!([&left[0]["first_refused_at"], &left[2]["first_refused_at"]], [false, true]);
    assert_eq!([&left[0]["tries"], &left[2]["tries"]], [1, 2]);
    Ok(())
}

#[tokio::test]
async fn a_late_acceptance_wins_over_uncertain_and_unknown() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let messages = setup.store.messages();
    for given_up in [false, true] {
        let (message, attempt) = setup.committing().await?;
        let lost = outcome(message, Expectation::Attempt(attempt), OutcomeState::Uncertain);
        messages.record_outcomes(setup.worker, &[lost]).await?;
        if given_up {
            assert!(messages.give_up_uncertain(setup.term, message, attempt).await?);
        }
        assert_eq!(
            messages.record_outcomes(setup.worker, &[accepted(message, attempt)]).await?,
            HashSet::from([message])
        );
        assert_eq!(setup.state(message).await?, "accepted");
    }
    Ok(())
}

#[tokio::test]
async fn an_outcome_of_another_attempt_or_job_changes_nothing() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let messages = setup.store.messages();
    let (message, _) = setup.committing().await?;
    let stranger = accepted(message, setup.ids.next());
    assert!(messages.record_outcomes(setup.worker, &[stranger]).await?.is_empty());
    assert_eq!(setup.state(message).await?, "committing");

    let (queued, _) = setup.queued().await?;
    let job: JobId = setup.ids.next();
    let stranger = outcome(queued, Expectation::Job(job), OutcomeState::Failed);
    assert!(messages.record_outcomes(setup.worker, &[stranger]).await?.is_empty());
    assert_eq!(setup.state(queued).await?, "queued");
    Ok(())
}

#[tokio::test]
async fn a_retry_waits_for_its_delay_and_keeps_its_history() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let messages = setup.store.messages();
    let (message, job) = setup.queued().await?;
    let retry = outcome(message, Expectation::Job(job), OutcomeState::Retry(Duration::from_secs(300)));
    assert_eq!(messages.record_outcomes(setup.worker, &[retry]).await?, HashSet::from([message]));

    assert!(setup.feed(10, 10).await?.is_empty(), "not due yet");
    setup.database.advance(Duration::from_secs(301)).await?;
    assert_eq!(setup.feed(10, 10).await?.len(), 1);
    let view = messages.find_message(setup.tenant, message).await?.expect("stored");
    assert_eq!((view.tries, view.attempts[0].outcome.as_str()), (1, "refused"));
    assert_eq!(view.attempts[0].reply.as_deref(), Some("451 try later"));
    Ok(())
}

#[tokio::test]
async fn two_refusals_for_one_address_suppress_it_once() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let messages = setup.store.messages();
    let (one, other) = (setup.queued().await?, setup.queued().await?);
    let rows = [one, other].map(|(message, job)| OutcomeRow {
        suppress: Some("gone@recipients.example".to_owned()),
        ..outcome(message, Expectation::Job(job), OutcomeState::Failed)
    });
    assert_eq!(messages.record_outcomes(setup.worker, &rows).await?.len(), 2);
    assert!(setup.store.suppressions().contains(setup.tenant, &Address::parse("Gone@recipients.example")?).await?);
    Ok(())
}

#[tokio::test]
async fn handing_back_is_free_and_only_for_ones_own_rows() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let messages = setup.store.messages();
    let (message, job) = setup.queued().await?;
    assert!(messages.hand_back(setup.ids.next(), &[message], Duration::ZERO).await?.is_empty());
    assert_eq!(messages.hand_back(job, &[message], Duration::ZERO).await?.len(), 1);
    let view = messages.find_message(setup.tenant, message).await?.expect("stored");
    assert_eq!((view.state.as_str(), view.tries), ("scheduled", 0));
    Ok(())
}
