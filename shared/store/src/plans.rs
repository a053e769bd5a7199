use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::{ContentId, TenantId};
use domain::messages::Content;
use domain::plans::{self, Compiled, Plan, compile};
use lru::LruCache;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::{Result, StoreError};

const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(1_000).expect("not zero");

/// A plan as the engine runs it, with the content of each node that sends.
#[derive(Debug, PartialEq, Eq)]
pub struct RunnablePlan {
    pub compiled: Compiled,
    pub hash: [u8; 32],
    /// By the place of the node; none where it does not send.
    pub contents: Vec<Option<ContentId>>,
}

/// Plans that were compiled a moment ago. They are immutable, so what is kept never goes stale.
#[derive(Debug)]
pub(crate) struct PlanCache(Mutex<Kept>);

type Kept = LruCache<(TenantId, [u8; 32]), Arc<RunnablePlan>>;

impl Default for PlanCache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEPT_MAX)))
    }
}

#[derive(Clone, Copy)]
pub struct Plans<'a> {
    pub(crate) pool: &'a PgPool,
    pub(crate) cache: &'a PlanCache,
}

impl RunnablePlan {
    /// `None`: the plan does not compile.
    pub fn new(tenant: TenantId, plan: &Plan) -> Option<Self> {
        let compiled = compile(plan).ok()?;
        let hash = digits(&compiled.hash)?;
        let contents = plan.nodes.iter().map(|node| content(node).map(|content| content.id(tenant)));
        Some(Self { hash, contents: contents.collect(), compiled })
    }
}

impl PlanCache {
    /// A plan that was stored, ready to run. Whoever has a transaction asks over its connection: if every one of a pool
    /// waited for another of the same pool, none would be free until they all gave up.
    pub(crate) async fn runnable<'e>(
        &self,
        executor: impl PgExecutor<'e>,
        tenant: TenantId,
        hash: [u8; 32],
    ) -> Result<Arc<RunnablePlan>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(tenant, hash)).cloned();
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let plan = find(executor, tenant, hash).await?.ok_or(UNREADABLE)?;
        let runnable = Arc::new(RunnablePlan::new(tenant, &plan).ok_or(UNREADABLE)?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put((tenant, hash), Arc::clone(&runnable));
        Ok(runnable)
    }
}

impl Plans<'_> {
    /// A plan that was stored, ready to run.
    pub async fn runnable(&self, tenant: TenantId, hash: [u8; 32]) -> Result<Arc<RunnablePlan>> {
        self.cache.runnable(self.pool, tenant, hash).await
    }

    pub async fn find(&self, tenant: TenantId, hash: [u8; 32]) -> Result<Option<Plan>> {
        find(self.pool, tenant, hash).await
    }
}

async fn find<'e>(executor: impl PgExecutor<'e>, tenant: TenantId, hash: [u8; 32]) -> Result<Option<Plan>> {
    let text: Option<String> = sqlx::query_scalar("SELECT plan FROM plans WHERE tenant_id = $1 AND hash = $2")
        .bind(tenant.uuid())
        .bind(&hash[..])
        .fetch_optional(executor)
        .await?;
    text.map(|text| plans::parse(text.as_bytes()).map_err(|_| UNREADABLE)).transpose()
}

const UNREADABLE: StoreError = StoreError::Unreadable { noun: "plans", column: "plan" };

/// Stores a plan and the contents of its nodes; the same again is the same rows.
pub(crate) async fn put(connection: &mut PgConnection, tenant: TenantId, hash: [u8; 32], plan: &Plan) -> Result<()> {
    let canonical = serde_json::to_string(plan).map_err(|_| UNREADABLE)?;
    sqlx::query("INSERT INTO plans (tenant_id, hash, plan) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(tenant.uuid())
        .bind(&hash[..])
        .bind(canonical)
        .execute(&mut *connection)
        .await?;
    let mut contents: Vec<(Uuid, Content)> =
        plan.nodes.iter().filter_map(content).map(|content| (content.id(tenant).uuid(), content)).collect();
    contents.sort_by_key(|(id, _)| *id);
    contents.dedup_by_key(|(id, _)| *id);
    sqlx::query(
        "INSERT INTO contents (tenant_id, id, subject, html, text)
         SELECT $1, c.id, c.subject, c.html, NULL FROM unnest($2::uuid[], $3::text[], $4::text[]) AS c (id, subject, html)
         ON CONFLICT DO NOTHING",
    )
    .bind(tenant.uuid())
    .bind(contents.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(contents.iter().map(|(_, content)| content.subject.as_str()).collect::<Vec<_>>())
    .bind(contents.iter().map(|(_, content)| content.html.as_deref()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

fn content(node: &plans::Node) -> Option<Content> {
    Some(Content { subject: node.subject.clone()?, html: Some(node.body.clone()?), text: None })
}

pub(crate) fn digits(hash: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(hash, &mut bytes).ok()?;
    Some(bytes)
}
