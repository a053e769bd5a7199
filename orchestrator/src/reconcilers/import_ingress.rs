use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{ContentId, SenderId, TenantId};
use domain::messages::Content;
use domain::messages::draft::{InvalidDraft, MESSAGE_MAX_BYTES, NewMessage};
use domain::messages::send_request::{SendRequest, ingress_dedupe_hash};
use domain::problems::FieldProblem;
use queue::{IngressData, IngressTask, LaneName};
use sha2::{Digest, Sha256};
use store::IngressRefusal;
use store::messages::EnqueueRow;

use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_millis(200);
const TASKS_MAX: usize = 500;

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

/// Why a task can be none, and whose it was.
type Refused = (IngressTask, Option<TenantId>, String);

impl ImportIngress {
    pub fn new(parts: Parts, queue: Option<String>) -> Self {
        Self { parts, queue }
    }

    async fn import(&self, tasks: Vec<IngressTask>, now: DateTime<Utc>) -> anyhow::Result<Report> {
        let store = &self.parts.store;
        let (candidates, refused) = self.read_all(tasks, now).await?;
        let mut refusals: Vec<IngressRefusal> =
            refused.iter().map(|(task, tenant, why)| refusal(task, *tenant, why)).collect();
        let mut by_tenant = BTreeMap::<TenantId, Vec<Candidate>>::new();
        for candidate in candidates {
            by_tenant.entry(candidate.tenant).or_default().push(candidate);
        }
        let mut stored = 0;
        let mut lanes = HashSet::new();
        for (tenant, candidates) in by_tenant {
            let usable = self.usable_senders(tenant, &candidates).await?;
            let (ours, others): (Vec<_>, Vec<_>) =
                candidates.into_iter().partition(|candidate| usable.contains(&candidate.message.sender));
            let unknown =
                |one: &Candidate| refusal(&one.task, Some(one.tenant), "sender: the tenant has no such sender");
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
        // A lost ring costs a second or two: the rows are there.
        let _ = self.parts.queue.ring(&lanes.into_iter().collect::<Vec<_>>()).await;
        metrics::counter!("postfleet_ingress_tasks_total", "result" => "stored").increment(stored);
        metrics::counter!("postfleet_ingress_tasks_total", "result" => "refused").increment(refused);
        Ok(Report::default().count("stored", stored).count("refused", refused))
    }

    /// What can be messages, and what cannot.
    async fn read_all(
        &self,
        tasks: Vec<IngressTask>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<(Vec<Candidate>, Vec<Refused>)> {
        let (mut read, mut refused) = (Vec::new(), Vec::new());
        let mut contents: HashMap<(TenantId, ContentId), Option<Arc<Content>>> = HashMap::new();
        for task in tasks {
            match parse(&task, now) {
                Ok(request) => {
                    if let Some(id) = request.message.content
                        && let Entry::Vacant(missing) = contents.entry((request.tenant, id))
                    {
                        let found = self.parts.store.contents().find(request.tenant, id).await?;
                        missing.insert(found.map(|found| Arc::new(found.content)));
                    }
                    read.push((task, request));
                }
                Err(problem) => refused.push((task, None, problem)),
            }
        }
        // Hundreds of templates are seconds of compiling: not on a thread that keeps the leadership.
        let (candidates, invalid) = tokio::task::spawn_blocking(move || {
            let (mut candidates, mut invalid) = (Vec::new(), Vec::new());
            for (task, request) in read {
                let tenant = request.tenant;
                let named = request.message.content.and_then(|id| contents.get(&(tenant, id)).cloned().flatten());
                match request.message.validate(now, named) {
                    Ok(message) => candidates.push(Candidate { task, tenant, message }),
                    Err(InvalidDraft::Fields(problems) | InvalidDraft::Template(problems)) => {
                        invalid.push((task, Some(tenant), told(&problems)));
                    }
                }
            }
            (candidates, invalid)
        })
        .await?;
        refused.extend(invalid);
        Ok((candidates, refused))
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

fn parse(task: &IngressTask, now: DateTime<Utc>) -> Result<SendRequest, String> {
    let data = match &task.data {
        IngressData::Here(data) => data,
        IngressData::TooLarge(bytes) => return Err(format!("it has {bytes} bytes, and a message has at most 256 KiB")),
        IngressData::Gone => return Err("its data is gone".to_owned()),
    };
    let request: SendRequest = serde_json::from_slice(data).map_err(|error| error.to_string())?;
    let due = match task.due_secs {
        None => None,
        Some(secs) => Some(DateTime::from_timestamp(secs as i64, 0).ok_or("it is due at a time that does not exist")?),
    };
    Ok(request.due_at(due, now))
}

fn refusal(task: &IngressTask, tenant: Option<TenantId>, problem: &str) -> IngressRefusal {
    let payload = if let IngressData::Here(data) = &task.data { data.clone() } else { Vec::new() };
    let id =
        Sha256::new().chain_update((task.id.len() as u64).to_be_bytes()).chain_update(&task.id).chain_update(&payload);
    IngressRefusal {
        id: id.finalize().into(),
        task_id: task.id.clone(),
        tenant,
        problem: problem.replace('\0', ""),
        payload,
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
        let tasks = self.parts.queue.peek_ingress(queue, TASKS_MAX, MESSAGE_MAX_BYTES).await?;
        if tasks.is_empty() {
            return Ok(Report::default());
        }
        let ids: Vec<Vec<u8>> = tasks.iter().map(|task| task.id.clone()).collect();
        let now = self.parts.store.fleet().state().await?.now;
        let report = self.import(tasks, now).await?;
        self.parts.queue.drop_ingress(queue, &ids).await?;
        Ok(Report { again_in: Some(Duration::ZERO), ..report })
    }
}
