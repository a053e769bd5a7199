use axum::Json;
use axum::extract::State;
use domain::ids::EnrollmentId;

use crate::error::Failures;
use crate::extract::{Id, Named, Page, Reader};
use crate::views::TimelineEntry;
use crate::{ApiError, ApiState};

/// A plan enters 200 nodes at most; this holds what they can leave behind.
const ENTRIES_MAX: i64 = 2_000;

/// All that happened to an enrollment, and the timers that are set.
///
/// Messages, events, timers and transitions with what caused them, in the order of their times.
#[utoipa::path(get, path = "/v1/enrollments/{id}/timeline", tag = "enrollments", operation_id = "get_enrollment_timeline",
    params(("id" = EnrollmentId, Path)), security(("api_key" = ["read"])),
    responses((status = 200, body = Page<TimelineEntry>), Failures))]
pub async fn timeline(
    State(state): State<ApiState>,
    caller: Reader,
    Id(id): Id<EnrollmentId>,
) -> Result<Json<Page<TimelineEntry>>, ApiError> {
    let rows = state.store.enrollments().timeline(caller.tenant, id, ENTRIES_MAX).await?;
    if rows.is_empty() {
        return Err(EnrollmentId::missing());
    }
    Ok(Json(Page { data: rows.into_iter().map(TimelineEntry::from).collect(), next_cursor: None }))
}
