use axum::Json;
use axum::body::Body;
use axum::extract::State;
use domain::ids::MessageId;
use domain::messages::MessageState;
use domain::messages::resolve_uncertain::{HandVerdict, RESEND_GRACE};
use serde::{Deserialize, Serialize};
use store::messages::HandAnswer;
use utoipa::ToSchema;

use crate::error::Failures;
use crate::extract::{Id, Manager, Named, parse, read_body};
use crate::{ApiError, ApiState};

const BODY_MAX_BYTES: usize = 4 * 1024;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveBody {
    verdict: HandVerdict,
}

#[derive(Serialize, ToSchema)]
pub struct ResolvedView {
    id: MessageId,
    state: MessageState,
}

/// Say what became of an uncertain message.
///
/// After a look at the mailbox, or into the provider's log. `resend` is refused with 409 and `Retry-After` as long as
/// the first try may still arrive: 31 minutes after it was committed. It is recorded who said so.
#[utoipa::path(post, path = "/v1/messages/{id}/resolve", tag = "messages", operation_id = "resolve_message",
    params(("id" = MessageId, Path)), request_body = ResolveBody, security(("api_key" = ["manage"])),
    responses((status = 200, body = ResolvedView), Failures))]
pub async fn resolve(
    State(state): State<ApiState>,
    caller: Manager,
    Id(id): Id<MessageId>,
    body: Body,
) -> Result<Json<ResolvedView>, ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "a verdict has at most 4 KiB").await?;
    let ResolveBody { verdict } = parse(&bytes)?;
    let grace = RESEND_GRACE.num_seconds();
    match state.store.messages().resolve_by_hand(caller.tenant, id, verdict, &caller.by(), grace).await? {
        HandAnswer::Resolved(state) => Ok(Json(ResolvedView { id, state })),
        HandAnswer::TooEarly(secs) => Err(ApiError::too_early(
            "its first try may still arrive; it can be sent again later",
            u32::try_from(secs).unwrap_or(u32::MAX),
        )),
        HandAnswer::NotUncertain(state) => Err(ApiError::conflict(format!("it is not uncertain: it is {state}"))),
        HandAnswer::Missing => Err(MessageId::missing()),
    }
}
