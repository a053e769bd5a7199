//! The Postgres side of a job that does nothing: its row is committed and recorded as a send's would be.

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::Context;
use domain::ids::{AttemptId, JobId, MessageId, SenderId, WorkerId};
use domain::jobs::SendJob;
use runtime::Ids;
use sqlx::{Connection, PgConnection};
use store::Place;
use store::messages::{AttemptClaim, OutcomeRow};
use testkit::Build;
use worker::commits::{Claimed, Commits};
use worker::outcomes::{Outcomes, Recorded};

use super::noop::BareQueue;
use crate::stack::Stores;

const BATCH: usize = 1_000;

pub struct Ledger {
    pub worker: WorkerId,
    ids: Ids,
    commits: Commits,
    outcomes: Outcomes,
    sender: SenderId,
    jobs: HashMap<MessageId, JobId>,
    places: HashMap<MessageId, Place>,
}

impl Ledger {
    /// So many rows that are queued, each by a job of its own.
    pub async fn begin(stores: &Stores, queue: &BareQueue, rows: u32) -> anyhow::Result<Self> {
        let (build, store, ids) = (Build::new(&stores.store), &stores.store, queue.ids.clone());
        let tenant = build.tenant().await?;
        let sender = build.sender(tenant, SocketAddr::from(([127, 0, 0, 1], 25))).await?;
        let queued = |_| {
            let mut row = build.message(sender, "somebody@example.com");
            row.job = Some(ids.next());
            row
        };
        let queued: Vec<_> = (0..rows).map(queued).collect();
        let mut places = HashMap::new();
        for batch in queued.chunks(BATCH) {
            store.messages().enqueue_messages(tenant, batch).await?;
            let ids: Vec<MessageId> = batch.iter().map(|row| row.id).collect();
            let loaded = store.messages().load_for_send(tenant, sender, &ids).await?;
            places.extend(loaded.into_iter().map(|row| (row.id, row.place)));
        }
        let jobs = queued.iter().filter_map(|row| Some((row.id, row.job?))).collect();
        let worker: WorkerId = ids.next();
        let (commits, outcomes) = (Commits::start(store.clone(), worker), Outcomes::start(store.clone(), worker));
        Ok(Self { worker, ids, commits, outcomes, sender, jobs, places })
    }

    pub fn rows(&self) -> Vec<MessageId> {
        self.jobs.keys().copied().collect()
    }

    pub fn job_of(&self, row: MessageId) -> JobId {
        self.jobs.get(&row).copied().unwrap_or_else(|| self.ids.next())
    }

    /// Passes the point of no return with the job's row, and records an acceptance.
    pub async fn keep(&self, job: &SendJob) -> anyhow::Result<()> {
        let (message, attempt): (MessageId, AttemptId) = (*job.rows.first().context("a row")?, self.ids.next());
        let claim = AttemptClaim {
            message,
            place: *self.places.get(&message).context("its row was loaded")?,
            sender: self.sender,
            job: job.id,
            attempt,
            suppression_key: "somebody@example.com".to_owned(),
            body_sha256: [0; 32],
        };
        let Claimed::Won(place) = self.commits.commit(claim).await else { anyhow::bail!("{message} was not won") };
        let outcome = OutcomeRow { place: Some(place), ..OutcomeRow::accepted(message, attempt) };
        anyhow::ensure!(self.outcomes.record(outcome).await == Recorded::Yes, "{message} was not recorded");
        Ok(())
    }

    /// Whether Postgres has every row as accepted.
    pub async fn check(&self, stores: &Stores) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&stores.database_url).await?;
        let sql = "SELECT count(*) FROM message_runs WHERE state = 'accepted'";
        let accepted: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
        anyhow::ensure!(accepted == self.jobs.len() as i64, "{accepted} of {} were accepted", self.jobs.len());
        Ok(())
    }
}
