use domain::ids::TenantId;
use sqlx::PgPool;
use uuid::Uuid;

use crate::Result;

/// How long an answer is kept.
const KEPT_HOURS: i32 = 48;

/// A request that may be repeated.
#[derive(Debug, Clone, Copy)]
pub struct IdempotentRequest {
    pub key_hash: [u8; 32],
    pub request_hash: [u8; 32],
}

/// What an idempotency key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencyAnswer {
    /// Ours to carry out, and what it creates has this id: also where somebody began it and died.
    Run(Uuid),
    /// Somebody is at it.
    InProgress,
    /// It was used for something else.
    OtherRequest,
    Done {
        status: u16,
        body: Vec<u8>,
    },
}

pub struct Idempotency<'a> {
    pub(crate) pool: &'a PgPool,
}

impl Idempotency<'_> {
    /// Takes a key for a request, for as long as the request may run at most. `id` is used if nobody had the key before.
    pub async fn claim(
        &self,
        tenant: TenantId,
        request: &IdempotentRequest,
        id: Uuid,
        lock_secs: f64,
    ) -> Result<IdempotencyAnswer> {
        let claimed: Option<Uuid> = sqlx::query_scalar(
            "INSERT INTO idempotency_keys AS k (tenant_id, key_hash, id, request_hash, locked_until)
             VALUES ($1, $2, $3, $4, postfleet_now() + make_interval(secs => $5))
             ON CONFLICT (tenant_id, key_hash) DO UPDATE SET locked_until = EXCLUDED.locked_until
             WHERE k.request_hash = EXCLUDED.request_hash AND k.locked_until < postfleet_now()
             RETURNING id",
        )
        .bind(tenant.uuid())
        .bind(&request.key_hash[..])
        .bind(id)
        .bind(&request.request_hash[..])
        .bind(lock_secs)
        .fetch_optional(self.pool)
        .await?;
        if let Some(id) = claimed {
            return Ok(IdempotencyAnswer::Run(id));
        }
        let known: Option<(bool, Option<i16>, Option<Vec<u8>>)> = sqlx::query_as(
            "SELECT request_hash = $3, status, body FROM idempotency_keys WHERE tenant_id = $1 AND key_hash = $2",
        )
        .bind(tenant.uuid())
        .bind(&request.key_hash[..])
        .bind(&request.request_hash[..])
        .fetch_optional(self.pool)
        .await?;
        Ok(match known {
            Some((false, _, _)) => IdempotencyAnswer::OtherRequest,
            Some((true, Some(status), Some(body))) => IdempotencyAnswer::Done { status: status.unsigned_abs(), body },
            // Also where it was let go or swept between the two statements: the caller repeats in a second.
            Some((true, _, _)) | None => IdempotencyAnswer::InProgress,
        })
    }

    /// Keeps the answer for repeats.
    pub async fn keep(&self, tenant: TenantId, key_hash: &[u8; 32], id: Uuid, status: u16, body: &[u8]) -> Result<()> {
        sqlx::query(
            "UPDATE idempotency_keys SET status = $4, body = $5, locked_until = NULL
             WHERE tenant_id = $1 AND key_hash = $2 AND id = $3 AND status IS NULL",
        )
        .bind(tenant.uuid())
        .bind(&key_hash[..])
        .bind(id)
        .bind(i16::try_from(status).unwrap_or(200))
        .bind(body)
        .execute(self.pool)
        .await?;
        Ok(())
    }

    /// It came to nothing of ours: a repeat may try at once, under the same id.
    pub async fn let_go(&self, tenant: TenantId, key_hash: &[u8; 32], id: Uuid) -> Result<()> {
        sqlx::query(
            "UPDATE idempotency_keys SET locked_until = postfleet_now() - interval '1 millisecond'
             WHERE tenant_id = $1 AND key_hash = $2 AND id = $3 AND status IS NULL",
        )
        .bind(tenant.uuid())
        .bind(&key_hash[..])
        .bind(id)
        .execute(self.pool)
        .await?;
        Ok(())
    }

    /// The request was wrong and nothing came of it: the key is free for a better one.
    pub async fn forget(&self, tenant: TenantId, key_hash: &[u8; 32], id: Uuid) -> Result<()> {
        sqlx::query(
            "DELETE FROM idempotency_keys WHERE tenant_id = $1 AND key_hash = $2 AND id = $3 AND status IS NULL",
        )
        .bind(tenant.uuid())
        .bind(&key_hash[..])
        .bind(id)
        .execute(self.pool)
        .await?;
        Ok(())
    }

    /// Forgets old answers; at most `limit` at once.
    pub async fn sweep(&self, limit: i64) -> Result<u64> {
        let swept = sqlx::query(
            "DELETE FROM idempotency_keys WHERE (tenant_id, key_hash) IN (
                 SELECT tenant_id, key_hash FROM idempotency_keys
                 WHERE created_at < postfleet_now() - make_interval(hours => $1)
                   AND (locked_until IS NULL OR locked_until < postfleet_now())
                 ORDER BY created_at LIMIT $2)",
        )
        .bind(KEPT_HOURS)
        .bind(limit)
        .execute(self.pool)
        .await?;
        Ok(swept.rows_affected())
    }
}
