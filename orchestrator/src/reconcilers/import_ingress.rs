use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{SenderId, TenantId};
use domain::messages::draft::{InvalidDraft, MESSAGE_MAX_BYTES, NewMessage};
use domain::messages::send_request::{SendRequest, ingress_dedupe_hash};
use domain::problems::FieldProblem;
use queue::{IngressTask, LaneName};
use sha2::{Digest, Sha256};
use store::IngressRefusal;
use store::messages::EnqueueRow;

use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_millis(200);
const TASKS_MAX: usize = 500;
const TASK_ID_MAX_CHARS: usize = 200;

/// Moves what others pushed with the stock apalis-redis into Postgres: stores it, then takes it out of Redis. Dying in
/// between means storing it again, which its dedupe hash refuses. What can be no message is set aside, and never lost.
pub struct ImportIngress {
    parts: Parts,
    /// The queue's name; without one, nothing is taken in.
    queue: Option<String>,
}

/// A task that may become a message.
struct Candidate {
    task: IngressTask,
    tenant: TenantId,
    message: NewMessage,
}

impl ImportIngress {
    pub fn new(parts: Parts, queue: Option<String>) -> Self {
        Self { parts, queue }
    }

    async fn import(&self, tasks: Vec<IngressTask>, now: DateTime<Utc>) -> anyhow::Result<Report> {
        let store = &self.parts.store;
        let (mut refusals, mut by_tenant) = (Vec::new(), BTreeMap::<TenantId, Vec<Candidate>>::new());
        for task in tasks {
            match self.read(&task, now).await? {
                Ok((tenant, message)) => by_tenant.entry(tenant).or_default().push(Candidate { task, tenant, message }),
                Err((tenant, problem)) => refusals.push(refusal(&task, tenant, problem)),
            }
        }
        let mut stored = 0;
        let mut lanes = HashSet::new();
        for (tenant, candidates) in by_tenant {
            let usable = self.usable_senders(tenant, &candidates).await?;
            let (ours, others): (Vec<_>, Vec<_>) =
                candidates.into_iter().partition(|candidate| usable.contains(&candidate.message.sender));
            let unknown = |one: &Candidate| {
                refusal(&one.task, Some(one.tenant), "sender: the tenant has no such sender".to_owned())
            };
            refusals.extend(others.iter().map(unknown));
            let rows: Vec<EnqueueRow> = ours.into_iter().map(|candidate| self.row(candidate)).collect();
            if rows.is_empty() {
                continue;
            }
            stored += store.messages().enqueue_messages(tenant, &rows).await?.len() as u64;
            lanes.extend(rows.iter().map(|row| LaneName { tenant, sender: row.message.sender }));
        }
        let refused = refusals.len() as u64;
        if !refusals.is_empty() {
            store.ingress().refuse(&refusals).await?;
        }
        // A lost ring costs a second: the rows are there.
        let _ = self.parts.queue.ring(&lanes.into_iter().collect::<Vec<_>>()).await;
        metrics::counter!("postfleet_ingress_tasks_total", "result" => "stored").increment(stored);
        metrics::counter!("postfleet_ingress_tasks_total", "result" => "refused").increment(refused);
        Ok(Report::default().count("stored", stored).count("refused", refused))
    }

    /// A message, or why it can be none.
    async fn read(
        &self,
        task: &IngressTask,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Result<(TenantId, NewMessage), (Option<TenantId>, String)>> {
        if task.data.len() > MESSAGE_MAX_BYTES {
            return Ok(Err((None, "a message has at most 256 KiB".to_owned())));
        }
        let request: SendRequest = match serde_json::from_slice(&task.data) {
            Ok(request) => request,
            Err(error) => return Ok(Err((None, error.to_string()))),
        };
        let tenant = request.tenant;
        let due = task.due_secs.and_then(|secs| DateTime::from_timestamp(secs, 0));
        let request = request.due_at(due, now);
        let stored = match request.message.content {
            Some(id) => self.parts.store.contents().find(tenant, id).await?.map(|found| found.content),
            None => None,
        };
        Ok(request.message.validate(now, stored).map(|message| (tenant, message)).map_err(|invalid| {
            let (InvalidDraft::Fields(problems) | InvalidDraft::Template(problems)) = invalid;
            (Some(tenant), told(&problems))
        }))
    }

    async fn usable_senders(&self, tenant: TenantId, candidates: &[Candidate]) -> anyhow::Result<HashSet<SenderId>> {
        let asked: HashSet<SenderId> = candidates.iter().map(|candidate| candidate.message.sender).collect();
        let known = self.parts.store.senders().known(tenant, &asked.into_iter().collect::<Vec<_>>()).await?;
        Ok(known.into_iter().filter(|sender| !sender.archived).map(|sender| sender.id).collect())
    }

    fn row(&self, candidate: Candidate) -> EnqueueRow {
        let own = candidate.message.dedupe_key.as_deref().map(|key| Sha256::digest(key.as_bytes()).into());
        EnqueueRow {
            id: self.parts.ids.next(),
            dedupe_hash: own.or_else(|| Some(ingress_dedupe_hash(&candidate.task.id))),
            message: candidate.message,
            job: None,
        }
    }
}

fn told(problems: &[FieldProblem]) -> String {
    problems.iter().map(|one| format!("{}: {}", one.field, one.problem)).collect::<Vec<_>>().join("; ")
}

fn refusal(task: &IngressTask, tenant: Option<TenantId>, problem: String) -> IngressRefusal {
    IngressRefusal {
        task_id: task.id.chars().filter(|c| *c != '\0').take(TASK_ID_MAX_CHARS).collect(),
        tenant,
        problem: problem.replace('\0', ""),
        payload: task.data.clone(),
    }
}

#[async_trait]
impl Reconciler for ImportIngress {
    fn name(&self) -> &'static str {
        "import_ingress"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        let (Some(queue), Some(_)) = (&self.queue, self.parts.leadership.term()) else {
            return Ok(Report { again_in: Some(Duration::from_secs(2)), ..Report::default() });
        };
        let tasks = self.parts.queue.peek_ingress(queue, TASKS_MAX).await?;
        if tasks.is_empty() {
            return Ok(Report::default());
        }
        let (is_full, ids) = (tasks.len() == TASKS_MAX, tasks.iter().map(|task| task.id.clone()).collect::<Vec<_>>());
        let now = self.parts.store.fleet().state().await?.now;
        let report = self.import(tasks, now).await?;
        self.parts.queue.drop_ingress(queue, &ids).await?;
        Ok(Report { again_in: is_full.then_some(Duration::ZERO), ..report })
    }
}
