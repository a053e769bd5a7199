use std::sync::Arc;
use std::time::Duration;

use domain::ids::TimerId;
use domain::jobs::TimeoutJob;
use queue::{Delivery, LaneName, Marked, Outcome};
use store::StoreError;
use store::enrollments::Kept;
use uuid::Uuid;

use super::decide_timers::decide_timers;
use crate::Context;

/// A timer not started this long after its job was pushed goes back.
const START_WITHIN: Duration = Duration::from_secs(30);
/// Before a timer that could not be dealt with is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// Tells the timers of one job to their enrollments.
///
/// Enqueued by `feed_timers`. Safe twice: a timer is taken by whoever finds it queued for this very job, in the transaction
/// that also keeps all that follows from it. Changes: `timers`, `enrollments`, `transitions`, `messages`, `message_runs`.
pub async fn fire_timers(delivery: Delivery<TimeoutJob>, context: Arc<Context>) -> anyhow::Result<Outcome> {
    let Delivery { job, lease } = delivery;
    failpoint::hold("worker.before_timers").await;
    if lease.age() > START_WITHIN || lease.is_stopping() {
        let rows: Vec<Uuid> = job.rows.iter().map(|row| row.uuid()).collect();
        context.store.timers().ledger().hand_back(job.id, &rows).await?;
        return Ok(Outcome::Skipped("started too late"));
    }
    if !lease.is_redelivered() && !job.alone {
        match fire(&context, &job, &job.rows).await {
            Err(error) if !error.is_transient() && job.rows.len() > 1 => {
                tracing::warn!(job = %job.id, error = &error as &dyn std::error::Error, "a job's timers are told one by one");
            }
            Err(error) if !error.is_transient() => {
                give_up_for_now(&context, &job, job.rows[0], &error).await?;
                return Ok(Outcome::Done);
            }
            told => {
                told?;
                return Ok(Outcome::Done);
            }
        }
    }
    // One that spoils the others, or kills its worker, must be alone in that.
    for row in &job.rows {
        if lease.mark(row).await? == Marked::Gone {
            return Ok(Outcome::Skipped("the lease is somebody else's"));
        }
        match fire(&context, &job, std::slice::from_ref(row)).await {
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => give_up_for_now(&context, &job, *row, &error).await?,
            Ok(_) => {}
        }
    }
    lease.clear_mark().await?;
    Ok(Outcome::Done)
}

/// Claims, decides and keeps in one transaction, then tells the feeder who has something to send.
async fn fire(context: &Context, job: &TimeoutJob, rows: &[TimerId]) -> store::Result<Kept> {
    let firing = context.store.timers().begin_firing(job.tenant, job.id, rows).await?;
    failpoint::hold("worker.timers_claimed").await;
    let late = firing.due.iter().map(|timer| (firing.now - timer.facts.due).to_std().unwrap_or_default());
    late.for_each(|late| metrics::histogram!("postfleet_timer_lateness_seconds").record(late.as_secs_f64()));
    let told = firing.due.len() as u64;

    let decided = decide_timers(&firing, &|| context.ids.next());
    let snoozed = decided.snoozed.len() as u64;

    let kept = firing.keep(&decided.steps, &decided.snoozed).await?;
    failpoint::hold("worker.timers_kept").await;
    metrics::counter!("postfleet_timers_total", "outcome" => "told").increment(told - snoozed);
    metrics::counter!("postfleet_timers_total", "outcome" => "snoozed").increment(snoozed);
    let lanes: Vec<LaneName> =
        kept.senders.iter().map(|sender| LaneName { tenant: job.tenant, sender: *sender }).collect();
    if let Some(queue) = context.queue.as_ref().filter(|_| !lanes.is_empty())
        && let Err(error) = queue.ring(&lanes).await
    {
        tracing::debug!(error = &error as &dyn std::error::Error, "the feeder finds these lanes by its own look");
    }
    Ok(kept)
}

async fn give_up_for_now(context: &Context, job: &TimeoutJob, row: TimerId, error: &StoreError) -> store::Result<()> {
    metrics::counter!("postfleet_timers_total", "outcome" => "failed").increment(1);
    tracing::error!(timer = %row, error = error as &dyn std::error::Error, "a timer could not be told; it is tried again");
    let why = domain::reply::sanitize(&error.to_string());
    context.store.timers().ledger().retry(job.id, &[row.uuid()], RETRY_AFTER, &why).await?;
    Ok(())
}
