//! What is finished costs what is due nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::ids::{AttemptId, JobId, WorkerId};
use e2e::System;
use store::messages::{AttemptClaim, LaneLook, LoadedRow, OutcomeRow, UncertainRow};
use store::{Place, Store, StoreOptions, Term};
use testkit::{SinkOptions, until};

const FINISHED: i64 = 200_000;
const ROUNDS: usize = 20;
const BATCH: usize = 64;
const BACKLOG: usize = 20_000;

/// Rows that were sent long ago.
const FILL: &str = "
    WITH old AS (
        INSERT INTO messages (id, tenant_id, sender_id, content_id, to_address)
        SELECT gen_random_uuid(), $1, $2, gen_random_uuid(), 'old' || n || '@recipients.example'
        FROM generate_series(1, $3) AS n
        RETURNING id
    )
    INSERT INTO message_runs (message_id, tenant_id, sender_id, state, priority, run_at, recipient_domain, attempt_id,
                              worker_id, committed_at, commit_deadline, accepted_at, finished_at)
    SELECT id, $1, $2, 'accepted', 1, past, 'recipients.example', gen_random_uuid(), gen_random_uuid(), past, past, past, past
    FROM old, (SELECT postfleet_now() - interval '1 day' AS past) AS long_ago";

/// Rows of whole tables that were read, of what is fetched by index: seq_scan, seq_tup_read, idx_tup_fetch.
const READ: &str = "
    SELECT sum(seq_scan)::bigint, sum(coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_user_tables
    WHERE relname IN ('message_runs', 'messages')";

/// Pages of indexes that were looked at.
const PAGES: &str =
    "SELECT sum(idx_blks_hit + idx_blks_read)::bigint FROM pg_statio_user_indexes WHERE relname = 'message_runs'";

async fn read(system: &System) -> anyhow::Result<(i64, i64)> {
    Ok(sqlx::query_as(READ).fetch_one(&mut system.database.connection().await?).await?)
}

/// How a worker connects comes last, before it how all others do.
fn as_ours_connect() -> [StoreOptions; 2] {
    [StoreOptions::new("counted"), StoreOptions::new("counted").planned_once()]
}

async fn fill(system: &System, rows: i64) -> anyhow::Result<()> {
    let fill = sqlx::query(FILL).bind(system.tenant.uuid()).bind(system.sender.uuid()).bind(rows);
    fill.execute(&mut system.database.connection().await?).await?;
    Ok(())
}

/// The sessions that wrote these rows tell what they have looked at up to a second later.
async fn until_filled(system: &System, rows: i64) {
    until("the filling is counted", async || {
        let inserted = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'message_runs'";
        Ok(system.database.count(inserted).await? >= rows)
    })
    .await;
}

async fn lead(system: &System) -> anyhow::Result<Term> {
    let leaders = system.database.store.leaders();
    Ok(leaders.elect(system.ids.next(), Duration::from_secs(600)).await?.expect("nobody else leads"))
}

/// A few rounds of everything that happens to rows between due and sent.
async fn rounds(system: &System, store: &Store, term: Term, batch: usize) -> anyhow::Result<Vec<Duration>> {
    let (messages, ids) = (store.messages(), &system.ids);
    let worker: WorkerId = ids.next();
    let mut claims_took = Vec::new();
    for _ in 0..ROUNDS {
        store.fleet().raise_beat(term, 10.0).await?;
        messages.due_lanes_all_tenants().await?;
        let look = LaneLook { tenant: system.tenant, sender: system.sender, room: "".into(), depth: batch as u32 };
        let due = messages.due_rows(&[look]).await?;
        assert_eq!(due.len(), batch);
        let job: JobId = ids.next();
        let given: Vec<_> = due.iter().map(|row| (row, job)).collect();
        let fed: Vec<_> = messages.feed_rows(term, &given).await?.into_iter().collect();
        let loaded = messages.load_for_send(system.tenant, system.sender, &fed).await?;
        assert_eq!(loaded.len(), batch);
        messages.queued_jobs_all_tenants(0.0, 100).await?;
        let claim = |row: LoadedRow| AttemptClaim {
            message: row.id,
            place: row.place,
            sender: system.sender,
            job,
            attempt: ids.next::<AttemptId>(),
            suppression_key: "x@recipients.example".to_owned(),
            body_sha256: [7; 32],
        };
        let claims: Vec<AttemptClaim> = loaded.into_iter().map(claim).collect();
        let since = Instant::now();
        let won: HashMap<AttemptId, Place> = messages.commit_attempts(worker, &claims).await?.into_iter().collect();
        claims_took.push(since.elapsed());
        assert_eq!(won.len(), batch);
        messages.expire_commits(term, 100).await?;
        let outcome = |claim: &AttemptClaim| OutcomeRow {
            place: won.get(&claim.attempt).copied(),
            ..OutcomeRow::accepted(claim.message, claim.attempt)
        };
        let outcomes: Vec<OutcomeRow> = claims.iter().map(outcome).collect();
        assert_eq!(messages.record_outcomes(worker, &outcomes).await?.len(), batch);
    }
    Ok(claims_took)
}

#[tokio::test]
async fn p8_two_hundred_thousand_finished_rows_are_never_read_on_the_way_of_a_message() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    fill(&system, FINISHED).await?;
    // The statistics are from a quiet night, when nothing was scheduled.
    sqlx::raw_sql("ANALYZE").execute(&mut system.database.connection().await?).await?;
    system.build.scheduled(system.tenant, system.sender, BACKLOG).await?;
    until_filled(&system, FINISHED + BACKLOG as i64).await;

    let (before, pages) = (read(&system).await?, system.database.count(PAGES).await?);
    let term = lead(&system).await?;
    let mut took = Vec::new();
    for options in as_ours_connect() {
        let store = Store::connect(&system.database.url, &options)?;
        took.extend(rounds(&system, &store, term, BATCH).await?);
        store.close().await;
    }
    let (sent, fetched) = (2 * ROUNDS * BATCH, fetched_since(&system, before).await?);
    assert!(fetched >= sent as i64, "{fetched}: what was read is counted");
    let each = fetched as f64 / sent as f64;
    assert!(each < 100.0, "{each} rows were fetched for each message sent");
    let pages = (system.database.count(PAGES).await? - pages) as f64 / sent as f64;
    assert!(pages < 30.0, "{pages} pages of indexes were looked at for each message sent");
    took.sort_unstable();
    assert!(took[ROUNDS] < Duration::from_millis(50), "a claim of {BATCH} took {:?}", took[ROUNDS]);
    Ok(())
}

/// A table that was filled within a minute has no statistics yet, and the planner believes in rows that are not there.
#[tokio::test]
async fn p8_a_beat_and_the_pass_for_crashed_rows_do_not_read_a_backlog_without_statistics() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let mut connection = system.database.connection().await?;
    sqlx::raw_sql("ALTER TABLE message_runs SET (autovacuum_enabled = false)").execute(&mut connection).await?;
    system.build.scheduled(system.tenant, system.sender, BACKLOG).await?;
    let term = lead(&system).await?;
    for options in as_ours_connect() {
        let (store, before) = (Store::connect(&system.database.url, &options)?, read(&system).await?);
        for _ in 0..ROUNDS {
            let signs = store.fleet().raise_beat(term, 10.0).await?.expect("it leads").signs;
            assert!(!signs.queued && !signs.crashed && !signs.committed, "{signs:?}");
            assert!(store.messages().feed_crashed(term, &[system.ids.next()]).await?.is_empty());
            assert_eq!(store.messages().due_lanes_all_tenants().await?.len(), 1);
        }
        store.close().await;
        let each = fetched_since(&system, before).await? / ROUNDS as i64;
        assert!(each < 100, "{each} rows were fetched for each beat");
    }
    Ok(())
}

/// A plan is kept, and on the first day it is made for a table that is nearly empty.
#[tokio::test]
async fn p8_plans_that_were_made_for_the_first_messages_do_not_read_a_table_that_has_grown() -> anyhow::Result<()> {
    plans_of_the_first_day(true).await
}

#[tokio::test]
async fn p8_plans_that_were_made_before_the_first_statistics_do_not_read_a_table_that_has_grown() -> anyhow::Result<()>
{
    plans_of_the_first_day(false).await
}

async fn plans_of_the_first_day(analyzed: bool) -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let mut connection = system.database.connection().await?;
    // New statistics would have them all planned anew.
    let never = "ALTER TABLE message_runs SET (autovacuum_enabled = false); ALTER TABLE messages SET (autovacuum_enabled = false)";
    sqlx::raw_sql(never).execute(&mut connection).await?;
    system.build.scheduled(system.tenant, system.sender, 2 * ROUNDS).await?;
    if analyzed {
        sqlx::raw_sql("ANALYZE").execute(&mut connection).await?;
    }
    let term = lead(&system).await?;
    let mut stores = Vec::new();
    for options in as_ours_connect() {
        stores.push(Store::connect(&system.database.url, &options.connections_max(1))?);
    }
    for store in &stores {
        rounds(&system, store, term, 1).await?;
    }
    system.build.scheduled(system.tenant, system.sender, BACKLOG).await?;
    until_filled(&system, (2 * ROUNDS + BACKLOG) as i64).await;
    let (_, before) = read(&system).await?;
    for store in stores {
        rounds(&system, &store, term, BATCH).await?;
        store.close().await;
    }
    until_counted(&system).await;
    let whole =
        "SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables WHERE relname IN ('message_runs', 'messages')";
    let whole = system.database.count(whole).await?;
    assert!(whole < BACKLOG as i64, "{whole} rows were read from end to end");
    let each = (read(&system).await?.1 - before) / (2 * ROUNDS * BATCH) as i64;
    assert!(each < 100, "{each} rows were fetched by index for each message sent");
    Ok(())
}

/// A plan for any limit believes that it means a tenth of the rows, and would walk the key's index.
#[tokio::test]
async fn p8_what_is_in_doubt_is_found_without_reading_what_is_finished() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let mut connection = system.database.connection().await?;
    fill(&system, FINISHED / 2).await?;
    let doubtful = "
        UPDATE message_runs r SET state = 'committing', accepted_at = NULL, finished_at = NULL,
            commit_deadline = r.commit_deadline + make_interval(secs => o.n)
        FROM (SELECT message_id, row_number() OVER () AS n FROM message_runs LIMIT 600) o
        WHERE r.message_id = o.message_id";
    sqlx::query(doubtful).execute(&mut connection).await?;
    sqlx::raw_sql("VACUUM ANALYZE message_runs").execute(&mut connection).await?;
    let (before, term) = (read(&system).await?, lead(&system).await?);
    for options in as_ours_connect() {
        let store = Store::connect(&system.database.url, &options.connections_max(1))?;
        let (messages, mut after) = (store.messages(), UncertainRow::FIRST_PAGE);
        for _ in 0..3 {
            assert_eq!(messages.expire_commits(term, 100).await?.len(), 100);
        }
        for _ in 0..3 {
            let page = messages.uncertain_after_all_tenants(after, 100).await?;
            assert_eq!(page.len(), 100);
            after = page.last().expect("a hundred").next_page();
        }
        store.close().await;
    }
    let fetched = fetched_since(&system, before).await?;
    assert!(fetched < FINISHED / 10, "{fetched} rows were fetched to find 600");
    Ok(())
}

async fn fetched_since(system: &System, before: (i64, i64)) -> anyhow::Result<i64> {
    until_counted(system).await;
    let (scans, fetched) = read(system).await?;
    assert_eq!(scans, before.0, "no table was read from end to end");
    Ok(fetched - before.1)
}

/// A session tells what it has read when it ends.
async fn until_counted(system: &System) {
    until("what was read is counted", async || {
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'counted'";
        Ok(system.database.count(sessions).await? == 0)
    })
    .await;
}
