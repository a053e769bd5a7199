use axum::Json;
use axum::body::Body;
use axum::extract::State;
use domain::address::Address;
use domain::ids::ContactId;
use serde::Deserialize;
use store::contacts::AddressAnswer;
use utoipa::ToSchema;

use crate::error::Failures;
use crate::extract::{Id, Mailer, Named, parse, read_body};
use crate::views::ContactBody;
use crate::{ApiError, ApiState};

const BODY_MAX_BYTES: usize = 4 * 1024;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ann@home.example.com"}))]
pub struct AddressBody {
    email: String,
    /// It is shown first from now on. Enrollments name the address that is mailed.
    #[serde(default)]
    first: bool,
}

/// Give a contact one more address.
///
/// Ten at most; one that another contact has is a 409.
#[utoipa::path(post, path = "/v1/contacts/{id}/addresses", tag = "contacts", operation_id = "add_contact_address",
    params(("id" = ContactId, Path)), request_body = AddressBody, security(("api_key" = ["send"])),
    responses((status = 200, body = ContactBody), Failures))]
pub async fn add_address(
    State(state): State<ApiState>,
    caller: Mailer,
    Id(id): Id<ContactId>,
    body: Body,
) -> Result<Json<ContactBody>, ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "an address has at most 4 KiB").await?;
    let asked: AddressBody = parse(&bytes)?;
    let address = Address::parse(&asked.email).map_err(|error| ApiError::invalid_field("email", error.to_string()))?;
    let contacts = state.store.contacts();
    match contacts.add_address(caller.tenant, id, &address, asked.first).await? {
        AddressAnswer::Added | AddressAnswer::Already => {}
        AddressAnswer::Taken(owner) => return Err(ApiError::conflict(format!("contact {owner} has this address"))),
        AddressAnswer::TooMany => return Err(ApiError::conflict("a contact has ten addresses at most")),
        AddressAnswer::NotFound => return Err(ContactId::missing()),
    }
    let found = contacts.find(caller.tenant, id).await?.ok_or_else(ContactId::missing)?;
    Ok(Json(found.into()))
}
