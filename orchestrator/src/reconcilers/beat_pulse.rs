use std::time::Duration;

use async_trait::async_trait;
use queue::leader::{Beat, Begun};
use store::{FleetState, Term};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::write_off_workers::SILENT_SECS;
use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(1);

/// Raises the beat, in Postgres first, then in Redis; and begins a new generation when Redis was lost.
///
/// No second beat is raised in Postgres before Redis has the first, so Redis is never more than one behind: whatever
/// is lower was rolled back.
pub struct BeatPulse {
    parts: Parts,
    /// Raised in Postgres, and not yet known to stand in Redis.
    pending: Mutex<Option<(Term, FleetState)>>,
}

impl BeatPulse {
    pub fn new(parts: Parts) -> Self {
        Self { parts, pending: Mutex::default() }
    }

    /// What is seen with the beat is seen from before it was asked for.
    async fn raise(&self, term: Term) -> anyhow::Result<Option<FleetState>> {
        let asked = Instant::now();
        let Some(raised) = self.parts.store.fleet().raise_beat(term, SILENT_SECS).await? else { return Ok(None) };
        self.parts.see(asked, raised.signs);
        Ok(Some(raised.state))
    }

    async fn begin_generation(&self, term: Term, lost: &FleetState, why: &'static str) -> anyhow::Result<Report> {
        let fleet = self.parts.store.fleet();
        let returned = fleet.begin_generation(term, lost.generation, self.parts.ids.next()).await?;
        // Whoever was frozen meanwhile may lead no more, and must not clear what another has begun.
        if self.parts.leadership.stand().await? != Some(term) {
            return Ok(Report::default());
        }
        let state = fleet.state().await?;
        // Asked only now: what could still be committed under the old generation is seen as queued.
        let never_sent = fleet.never_sent().await?;
        match self.parts.queue.begin_generation(state.generation, state.beat, never_sent).await? {
            Begun::Yes => {
                metrics::counter!("postfleet_redis_losses_total").increment(1);
                match returned {
                    Some(0) => tracing::info!(why, "Redis had nothing of ours; a generation begins"),
                    rows => tracing::warn!(why, rows, "Redis was lost; what was queued is due again"),
                }
                Ok(Report::default().count("generations_begun", 1).count("rows_returned", returned.unwrap_or(0)))
            }
            Begun::Ahead(beat) => self.halt_if_behind(term, beat).await,
        }
    }

    /// Redis has a beat that Postgres has not reached: Postgres was restored from a backup, and knows nothing of what
    /// was sent since.
    async fn halt_if_behind(&self, term: Term, beat: i64) -> anyhow::Result<Report> {
        // Somebody may have led, raised and gone between our two reads.
        let state = self.parts.store.fleet().state().await?;
        if state.halt_reason.is_some() || state.beat >= beat || self.parts.leadership.stand().await? != Some(term) {
            return Ok(Report::default());
        }
        let reason = format!("Postgres is at beat {} and Redis at {beat}: Postgres went back in time", state.beat);
        if self.parts.store.fleet().halt(term, &reason).await? {
            tracing::error!(reason, "sending is halted until an operator runs `postfleet resume`");
        }
        Ok(Report::default().count("halted", 1))
    }
}

#[async_trait]
impl Reconciler for BeatPulse {
    fn name(&self) -> &'static str {
        "beat_pulse"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn rung(&self) {
        self.parts.queue.pulse().loss_suspected().await;
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        let Some(term) = self.parts.leadership.term() else { return Ok(Report::default()) };
        let mut pending = self.pending.lock().await;
        let state = match pending.take() {
            Some((of, state)) if of == term => state,
            // A new leader first makes sure that Redis has what its predecessor raised.
            _ if self.parts.term_in_step() != Some(term) => self.parts.store.fleet().state().await?,
            _ => match self.raise(term).await {
                Ok(Some(state)) => state,
                Ok(None) => return Ok(Report::default()),
                Err(error) => {
                    // It may have been raised all the same: look before raising again.
                    self.parts.set_in_step(None);
                    return Err(error);
                }
            },
        };
        *pending = Some((term, state.clone()));
        let Parts { store, queue, limits, .. } = &self.parts;
        if let Err(error) = runtime::pulse::adopt_state(store, queue, limits, &state).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "could not read the changed limits");
        }
        match self.parts.queue.beat(state.beat - 1, state.beat).await? {
            Beat::Raised(drained) => {
                *pending = None;
                self.parts.set_in_step(Some(term));
                self.parts.drain.add(&drained);
                Ok(Report::default())
            }
            Beat::Lost(why) => {
                self.parts.set_in_step(None);
                let report = self.begin_generation(term, &state, why).await?;
                *pending = None;
                Ok(Report { again_in: Some(Duration::ZERO), ..report })
            }
            Beat::Ahead(beat) => {
                self.parts.set_in_step(None);
                *pending = None;
                self.halt_if_behind(term, beat).await
            }
        }
    }
}
