use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

/// What this process knows of the pulse: the generation, and the highest beat it has seen in Redis.
#[derive(Debug, Default)]
pub struct PulseView {
    known: Mutex<(Uuid, i64)>,
    doubt: Notify,
    loss: Notify,
}

impl PulseView {
    pub fn get(&self) -> (Uuid, i64) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what Postgres says. Redis is at most one beat behind it, because the leader raises no second beat before
    /// Redis has the first.
    pub fn adopt(&self, generation: Uuid, beat_in_postgres: i64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let floor = beat_in_postgres - 1;
        *known = if known.0 == generation { (generation, known.1.max(floor)) } else { (generation, floor) };
    }

    /// Redis showed a beat.
    pub fn saw(&self, generation: Uuid, beat: i64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 == generation {
            known.1 = known.1.max(beat);
        }
    }

    /// A script was refused: whoever keeps this view in step with Postgres should look now.
    pub fn raise_doubt(&self) {
        self.doubt.notify_one();
        self.loss.notify_one();
    }

    pub async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// The same for the leader, who need not wait for its next beat to see whether Redis was lost.
    pub async fn loss_suspected(&self) {
        self.loss.notified().await;
    }
}
