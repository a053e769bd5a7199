use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use domain::contacts::ContactDraft;
use domain::problems::Problems;

use crate::error::Failures;
use crate::extract::{Creation, Mailer, parse, read_body};
use crate::views::ContactBody;
use crate::{ApiError, ApiState};

const BODY_MAX_BYTES: usize = 128 * 1024;

/// Create a contact, or add to the one that has the address.
///
/// Data is added key by key; what is left out stays. 201 if the contact is new, else 200.
#[utoipa::path(post, path = "/v1/contacts", tag = "contacts", operation_id = "put_contact",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    request_body = ContactDraft, security(("api_key" = ["send"])),
    responses((status = 201, body = ContactBody), (status = 200, body = ContactBody), Failures))]
pub async fn put(
    State(state): State<ApiState>,
    caller: Mailer,
    creation: Creation,
    body: Body,
) -> Result<(StatusCode, Json<ContactBody>), ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "a contact has at most 128 KiB").await?;
    let draft: ContactDraft = parse(&bytes)?;
    let mut problems = Problems::default();
    let contact = draft.check("", &mut problems);
    let Some(contact) = contact.filter(|_| problems.is_empty()) else {
        return Err(ApiError::invalid_request(&problems.list()));
    };
    let contacts = state.store.contacts();
    let put = contacts.put(caller.tenant, creation.id(&state), &contact).await?;
    let found = contacts.find(caller.tenant, put.id).await?.ok_or_else(ApiError::unavailable)?;
    let status = if put.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(found.into())))
}
