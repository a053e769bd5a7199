//! What came of each try, group-committed and kept in memory until Postgres has it.

use std::collections::HashSet;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use domain::ids::{MessageId, WorkerId};
use futures::future::BoxFuture;
use store::Store;
use store::messages::{Expectation, OutcomeRow};
use tokio::time::Instant;

use runtime::Group;

/// Most outcomes in one statement.
const OUTCOME_BATCH_MAX: usize = 128;
/// What is not recorded when a worker is killed shows as uncertain, so not for long.
const LINGER: Duration = Duration::from_millis(10);
/// Each may wait out an outage of Postgres.
const LANES: usize = 2;
/// How long an outcome is kept while Postgres is away. Afterwards the row shows as uncertain at its deadline.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// Whether the row now says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    Yes,
    /// The row has moved on: canceled, resolved, or another job's.
    Stale,
    /// Postgres stayed away, or refuses this very row.
    Failed,
}

pub struct Outcomes {
    group: Group<OutcomeRow, Recorded>,
}

impl Outcomes {
    pub fn start(store: Store, worker: WorkerId) -> Self {
        let run = move |rows: Vec<OutcomeRow>| {
            let store = store.clone();
            async move {
                metrics::histogram!("postfleet_outcome_batch_rows").record(rows.len() as f64);
                record(&store, worker, &rows, Instant::now() + KEPT_FOR).await
            }
        };
        Self { group: Group::start(OUTCOME_BATCH_MAX, LINGER, LANES, run) }
    }

    pub async fn record(&self, row: OutcomeRow) -> Recorded {
        let outcome = row.outcome;
        let recorded = self.group.ask(row).await.unwrap_or(Recorded::Failed);
        let result = match recorded {
            Recorded::Yes => outcome,
            Recorded::Stale => "stale",
            Recorded::Failed => "unrecorded",
        };
        metrics::counter!("postfleet_outcomes_total", "outcome" => result).increment(1);
        recorded
    }
}

/// Tries until every row is recorded or known to have moved on. Two outcomes for one message go one after the other.
fn record<'a>(
    store: &'a Store,
    worker: WorkerId,
    rows: &'a [OutcomeRow],
    until: Instant,
) -> BoxFuture<'a, Vec<Recorded>> {
    Box::pin(async move {
        let mut answers: Vec<Option<Recorded>> = vec![None; rows.len()];
        let mut waits = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(5))
            .with_max_delay(Duration::from_secs(1))
            .with_jitter()
            .without_max_times()
            .build();
        loop {
            let open = first_of_each_message(rows, &answers);
            if open.is_empty() {
                break;
            }
            let asked: Vec<OutcomeRow> = open.iter().map(|at| rows[*at].clone()).collect();
            match look_and_record(store, worker, &asked).await {
                Ok(settled) => {
                    let too_long = Instant::now() > until;
                    for (at, answer) in open.into_iter().zip(settled) {
                        answers[at] = answer.or(too_long.then_some(Recorded::Failed));
                    }
                }
                Err(error) if !error.is_transient() && asked.len() > 1 => {
                    let (left, right) = asked.split_at(asked.len() / 2);
                    let mut halves = record(store, worker, left, until).await;
                    halves.extend(record(store, worker, right, until).await);
                    for (at, answer) in open.into_iter().zip(halves) {
                        answers[at] = Some(answer);
                    }
                }
                Err(error) if !error.is_transient() || Instant::now() > until => {
                    tracing::error!(error = &error as &dyn std::error::Error, message = %asked[0].message, "an outcome cannot be recorded");
                    open.into_iter().for_each(|at| answers[at] = Some(Recorded::Failed));
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        rows = asked.len(),
                        "outcomes wait for Postgres"
                    );
                }
            }
            if answers.iter().any(Option::is_none) {
                tokio::time::sleep(waits.next().unwrap_or(Duration::from_secs(1))).await;
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or(Recorded::Failed)).collect()
    })
}

/// One statement or two, and for what they did not record a look why: only locked (`None`: ask again), or moved on.
async fn look_and_record(store: &Store, worker: WorkerId, rows: &[OutcomeRow]) -> store::Result<Vec<Option<Recorded>>> {
    let recorded = store.messages().record_outcomes(worker, rows).await?;
    let missed: Vec<OutcomeRow> = rows.iter().filter(|row| !recorded.contains(&row.message)).cloned().collect();
    let locked: HashSet<MessageId> = if missed.is_empty() {
        HashSet::new()
    } else {
        match store.messages().still_expected(&missed).await {
            Ok(expected) => expected.into_iter().collect(),
            Err(error) if recorded.is_empty() => return Err(error),
            Err(_) => missed.iter().map(|row| row.message).collect(),
        }
    };
    let read = |row: &OutcomeRow| match (recorded.contains(&row.message), locked.contains(&row.message)) {
        (true, _) => Some(Recorded::Yes),
        (false, true) => None,
        (false, false) => Some(Recorded::Stale),
    };
    Ok(rows.iter().map(read).collect())
}

fn first_of_each_message(rows: &[OutcomeRow], answers: &[Option<Recorded>]) -> Vec<usize> {
    let mut seen = HashSet::new();
    (0..rows.len()).filter(|at| answers[*at].is_none() && seen.insert(rows[*at].message)).collect()
}

/// Nothing was sent: the row goes back, whether the commit that is in doubt happened or not.
pub fn never_sent(message: MessageId, expect: Expectation, why: &str) -> OutcomeRow {
    OutcomeRow {
        message,
        place: None,
        expect,
        state: store::messages::OutcomeState::Retry(Duration::ZERO),
        charged: false,
        outcome: "never_sent",
        phase: None,
        class: None,
        reply: Some(why.to_owned()),
        suppress: None,
    }
}
