use anyhow::Context;
use domain::ids::{AttemptId, JobId, MessageId, SenderId, TenantId, WorkerId};
use runtime::Ids;
use store::messages::{AttemptClaim, FedRow, LaneLook};
use store::{Store, StoreOptions, Term};
use testkit::{Build, TestDatabase};

/// A database with one tenant, one sender, and a leader.
pub struct Setup {
    pub database: TestDatabase,
    pub store: Store,
    pub build: Build,
    pub ids: Ids,
    pub tenant: TenantId,
    pub sender: SenderId,
    pub term: Term,
    pub worker: WorkerId,
}

impl Setup {
    pub async fn new() -> anyhow::Result<Self> {
        let database = TestDatabase::create().await?;
        let (store, ids) = (database.store.clone(), Ids::system());
        let build = Build::new(&store);
        let tenant = build.tenant().await?;
        let sender = build.sender(tenant, "127.0.0.1:2525".parse()?).await?;
        let term = store.leaders().elect(ids.next(), std::time::Duration::from_secs(3_600)).await?.expect("elected");
        Ok(Self { database, store, build, tenant, sender, term, worker: ids.next(), ids })
    }

    /// Another process from now on, which has read nothing yet and has one connection: whoever wants a second inside a
    /// transaction waits for itself.
    pub fn begin_anew(&mut self) -> anyhow::Result<()> {
        self.store = Store::connect(&self.database.url, &StoreOptions::new("another process").connections_max(1))?;
        Ok(())
    }

    pub async fn senders_of_which_some_are_stopped(&self) -> anyhow::Result<StoppedSenders> {
        let sender = async |tenant| anyhow::Ok((tenant, self.build.sender(tenant, "127.0.0.1:2525".parse()?).await?));
        Ok(StoppedSenders {
            free: (self.tenant, self.sender),
            free_elsewhere: sender(self.build.tenant().await?).await?,
            paused: sender(self.tenant).await?,
            of_a_paused_tenant: sender(self.build.tenant().await?).await?,
            archived: sender(self.tenant).await?,
        })
    }

    /// Feeds up to `take` rows, `per_job` to a job.
    pub async fn feed(&self, take: u32, per_job: u32) -> anyhow::Result<Vec<FedRow>> {
        let look = LaneLook { tenant: self.tenant, sender: self.sender, room: "".into(), depth: take };
        let mut due = self.store.messages().due_rows(&[look]).await?;
        due.sort_by_key(|row| (row.priority, row.run_at, row.message));
        due.truncate(take as usize);
        let jobs: Vec<JobId> = (0..take.div_ceil(per_job)).map(|_| self.ids.next()).collect();
        let job = |at: usize| jobs[at / per_job as usize];
        let given: Vec<_> = due.iter().enumerate().map(|(at, row)| (row, job(at))).collect();
        let fed = self.store.messages().feed_rows(self.term, &given).await?;
        let fed_row = |(at, row): (usize, &store::messages::DueRow)| FedRow {
            message: row.message,
            tenant: row.tenant,
            sender: row.sender,
            priority: row.priority,
            job: job(at),
        };
        Ok(due.iter().enumerate().filter(|(_, row)| fed.contains(&row.message)).map(fed_row).collect())
    }

    /// One message, queued.
    pub async fn queued(&self) -> anyhow::Result<(MessageId, JobId)> {
        self.build.scheduled(self.tenant, self.sender, 1).await?;
        let fed = self.feed(1, 1).await?;
        Ok((fed[0].message, fed[0].job))
    }

    /// One message, past the point of no return.
    pub async fn committing(&self) -> anyhow::Result<(MessageId, AttemptId)> {
        let (message, job) = self.queued().await?;
        let claim = self.claim(message, job).await?;
        assert_eq!(self.commit(std::slice::from_ref(&claim)).await?, [claim.attempt]);
        Ok((message, claim.attempt))
    }

    /// A worker's claim of a row as it stands now.
    pub async fn claim(&self, message: MessageId, job: JobId) -> anyhow::Result<AttemptClaim> {
        let rows = self.store.messages().load_for_send(self.tenant, self.sender, &[message]).await?;
        Ok(AttemptClaim {
            message,
            place: rows.first().context("it exists")?.place,
            sender: self.sender,
            job,
            attempt: self.ids.next(),
            suppression_key: "r0@recipients.example".to_owned(),
            body_sha256: [7; 32],
        })
    }

    /// The attempts that won.
    pub async fn commit(&self, claims: &[AttemptClaim]) -> anyhow::Result<Vec<AttemptId>> {
        let won = self.store.messages().commit_attempts(self.worker, claims).await?;
        Ok(won.into_iter().map(|(attempt, _)| attempt).collect())
    }

    pub async fn state(&self, message: MessageId) -> anyhow::Result<String> {
        let view = self.store.messages().find_message(self.tenant, message).await?.expect("it exists");
        Ok(view.state.to_string())
    }
}

/// Senders to be stopped in each of the ways there are, once their rows are where a test wants them.
pub struct StoppedSenders {
    pub free: (TenantId, SenderId),
    pub free_elsewhere: (TenantId, SenderId),
    pub paused: (TenantId, SenderId),
    pub of_a_paused_tenant: (TenantId, SenderId),
    pub archived: (TenantId, SenderId),
}

impl StoppedSenders {
    pub fn is_free(&self, sender: (TenantId, SenderId)) -> bool {
        [self.free, self.free_elsewhere].contains(&sender)
    }

    pub async fn stop(&self, setup: &Setup) -> anyhow::Result<()> {
        let (tenant, sender) = self.paused;
        setup.store.senders().pause(tenant, sender, "operator", "test").await?;
        setup.store.tenants().pause(self.of_a_paused_tenant.0, "operator", "test").await?;
        let (tenant, sender) = self.archived;
        assert!(setup.store.senders().archive(tenant, sender).await?);
        Ok(())
    }
}
