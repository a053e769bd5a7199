use axum::Json;
use axum::extract::State;
use domain::ids::ContactId;

use crate::error::Failures;
use crate::extract::{Id, Named, Reader};
use crate::views::ContactBody;
use crate::{ApiError, ApiState};

/// Get a contact.
#[utoipa::path(get, path = "/v1/contacts/{id}", tag = "contacts", operation_id = "get_contact",
    params(("id" = ContactId, Path)), security(("api_key" = ["read"])),
    responses((status = 200, body = ContactBody), Failures))]
pub async fn get(
    State(state): State<ApiState>,
    caller: Reader,
    Id(id): Id<ContactId>,
) -> Result<Json<ContactBody>, ApiError> {
    let found = state.store.contacts().find(caller.tenant, id).await?.ok_or_else(ContactId::missing)?;
    Ok(Json(found.into()))
}
