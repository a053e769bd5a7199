use domain::ids::{AttemptId, JobId, MessageId, SenderId, WorkerId};
use domain::messages::resolve_uncertain::COMMIT_DEADLINE_SMTP;
use uuid::Uuid;

use super::Messages;
use crate::answered::answered;
use crate::{Place, Result};

/// Most claims in one statement.
pub const COMMIT_BATCH_MAX: usize = 128;

/// A wish to pass the point of no return with one row.
#[derive(Debug, Clone)]
pub struct AttemptClaim {
    pub message: MessageId,
    /// Where it stood when it was loaded.
    pub place: Place,
    pub sender: SenderId,
    pub job: JobId,
    pub attempt: AttemptId,
    pub suppression_key: String,
    pub body_sha256: [u8; 32],
}

impl Messages<'_> {
    /// `queued → committing` for those that may. **Only an attempt in the answer is a win**; whoever is not in it,
    /// or gets an error, must send nothing. With each, where its row stands now.
    pub async fn commit_attempts(&self, worker: WorkerId, claims: &[AttemptClaim]) -> Result<Vec<(AttemptId, Place)>> {
        let won: Vec<(Uuid, Place)> = answered!(
            self.pool,
            sqlx::query_as(include_str!("commit_attempts.sql"))
                .bind(claims.iter().map(|claim| claim.message.uuid()).collect::<Vec<_>>())
                .bind(claims.iter().map(|claim| claim.job.uuid()).collect::<Vec<_>>())
                .bind(claims.iter().map(|claim| claim.attempt.uuid()).collect::<Vec<_>>())
                .bind(claims.iter().map(|claim| claim.suppression_key.as_str()).collect::<Vec<_>>())
                .bind(claims.iter().map(|claim| &claim.body_sha256[..]).collect::<Vec<_>>())
                .bind(worker.uuid())
                .bind(COMMIT_DEADLINE_SMTP.num_seconds() as f64)
                .bind(claims.iter().map(|claim| claim.sender.uuid()).collect::<Vec<_>>())
                .bind(claims.iter().map(|claim| claim.place).collect::<Vec<_>>()),
            fetch_all
        );
        Ok(won.into_iter().map(|(attempt, place)| (AttemptId(attempt), place)).collect())
    }
}
