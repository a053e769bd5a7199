use domain::jobs::SendJob;
use store::messages::LoadedRow;

use crate::Context;

/// Finds out for rows of campaigns whether their plan's hours allow them to leave now: limits may have kept one past the
/// end of its window.
pub async fn look_at_hours(
    context: &Context,
    job: &SendJob,
    mut rows: Vec<LoadedRow>,
) -> store::Result<Vec<LoadedRow>> {
    for row in rows.iter_mut().filter(|row| !row.test_mode) {
        let Some(hours) = row.hours else { continue };
        let plan = context.store.plans().runnable(job.tenant, hours.plan_hash).await?;
        let opens = plan.compiled.calendar.next_open(row.now, hours.zone);
        row.facts.closed_until = (opens - row.now).to_std().ok().filter(|wait| !wait.is_zero());
    }
    Ok(rows)
}
