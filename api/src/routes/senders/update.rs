use axum::Json;
use axum::body::Body;
use axum::extract::State;
use domain::ids::SenderId;
use domain::senders::{SenderDraft, SenderPatch};
use store::SenderChange;

use super::create::BODY_MAX_BYTES;
use super::encrypt::encrypt;
use crate::error::Failures;
use crate::extract::{Id, Manager, Named, parse, read_body};
use crate::views::SenderBody;
use crate::{ApiError, ApiState};

/// Change a sender.
///
/// What is left out stays as it is; with another host, port, protection or username the password must be given anew. Workers go by it from their next message on. An archived sender cannot be changed.
#[utoipa::path(patch, path = "/v1/senders/{id}", tag = "senders", operation_id = "update_sender",
    params(("id" = SenderId, Path)), request_body = SenderPatch, security(("api_key" = ["manage"])),
    responses((status = 200, body = SenderBody), Failures))]
pub async fn update(
    State(state): State<ApiState>,
    caller: Manager,
    Id(id): Id<SenderId>,
    body: Body,
) -> Result<Json<SenderBody>, ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "a sender has at most 16 KiB").await?;
    let patch: SenderPatch = parse(&bytes)?;
    let senders = state.store.senders();
    let now = senders.find(caller.tenant, id).await?.ok_or_else(SenderId::missing)?;
    if now.archived_at.is_some() {
        return Err(ApiError::conflict("the sender is archived"));
    }
    let version = now.account.version;
    let (username, kept) = now.account.credentials.unzip();
    let whole = SenderDraft {
        address: now.account.address,
        display_name: now.account.display_name,
        smtp_host: now.account.smtp_host,
        smtp_port: now.account.smtp_port,
        tls: now.account.tls_mode,
        username,
        password: None,
        max_connections: now.account.max_connections,
    };
    // A password goes to the server it was given for, and to no other.
    let is_elsewhere = patch.leads_elsewhere(&whole);
    let keeps_password = kept.is_some() && !is_elsewhere;
    let checked =
        patch.onto(whole).validate(keeps_password).map_err(|problems| ApiError::invalid_request(&problems))?;
    let new = encrypt(state.options.keyring.as_ref(), caller.tenant, id, checked, kept)?;
    match senders.update(caller.tenant, version, new).await? {
        SenderChange::Changed => {}
        SenderChange::Stale => {
            return Err(ApiError::conflict("somebody else changed it at the same moment; look and repeat"));
        }
        SenderChange::Missing => return Err(SenderId::missing()),
    }
    let stored = senders.find(caller.tenant, id).await?.ok_or_else(SenderId::missing)?;
    Ok(Json(stored.into()))
}
