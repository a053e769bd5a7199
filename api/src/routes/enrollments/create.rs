use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use domain::contacts::{ContactDraft, EnrollmentOptions, NewContact};
use domain::ids::{CampaignId, EnrollmentId};
use domain::problems::Problems;
use serde::{Deserialize, Serialize};
use store::enrollments::{EnrollAnswer, NewEnrollment, NotEnrolled};
use utoipa::ToSchema;

use crate::error::Failures;
use crate::extract::{Creation, Mailer, Named, parse, read_body};
use crate::tell_feeder::tell_feeder;
use crate::views::EnrollmentBody;
use crate::{ApiError, ApiState};

const BODY_MAX_BYTES: usize = 256 * 1024;

/// Who is enrolled in what, and how.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"campaign_id": "cmp_01990000000070008000000000000009", "contact": {"email": "bob@example.com", "name": "Bob"}}))]
pub struct EnrollBody {
    #[serde(alias = "journey_id")]
    campaign_id: CampaignId,
    contact: ContactDraft,
    #[serde(default)]
    options: EnrollmentOptions,
}

#[derive(Serialize, ToSchema)]
pub struct EnrolledView {
    #[serde(flatten)]
    enrollment: EnrollmentBody,
    /// The contact was enrolled in this campaign before: this is that enrollment.
    existing: bool,
}

/// Enroll a contact in a campaign.
///
/// A contact is enrolled once in a campaign: who is enrolled already is answered as he is, with 200. A suppressed address is
/// refused with `contact_suppressed`, the reason and the date.
#[utoipa::path(post, path = "/v1/enrollments", tag = "enrollments", operation_id = "create_enrollment",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    request_body = EnrollBody, security(("api_key" = ["send"])),
    responses((status = 201, body = EnrolledView), (status = 200, body = EnrolledView), Failures))]
pub async fn create(
    State(state): State<ApiState>,
    caller: Mailer,
    creation: Creation,
    body: Body,
) -> Result<(StatusCode, Json<EnrolledView>), ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "an enrollment has at most 256 KiB").await?;
    let asked: EnrollBody = parse(&bytes)?;
    let now = state.clock.now().ok_or_else(ApiError::unavailable)?;
    let mut problems = Problems::default();
    let reply_to = asked.options.check("options", now, &mut problems);
    let contact = asked.contact.check("contact", &mut problems);
    let Some(contact) = contact.filter(|_| problems.is_empty()) else {
        return Err(ApiError::invalid_request(&problems.list()));
    };
    let id: EnrollmentId = creation.id(&state);
    let new = new_enrollment(id, state.ids.next(), contact, asked.options, reply_to);
    let ids = state.ids.clone();
    let enrolled = state
        .store
        .enrollments()
        .enroll(caller.tenant, asked.campaign_id, std::slice::from_ref(&new), &|| ids.next())
        .await?;
    let (answers, kept) = enrolled.map_err(not_enrolled)?;
    tell_feeder(&state, caller.tenant, &kept).await;
    let (status, id, existing) = match answers.into_iter().next() {
        Some(EnrollAnswer::Enrolled { id, .. }) => (StatusCode::CREATED, id, false),
        // Repeated under its key after a crash, it is found as its own.
        Some(EnrollAnswer::Existing { id: found, .. }) if found == id => (StatusCode::CREATED, found, false),
        Some(EnrollAnswer::Existing { id, .. }) => (StatusCode::OK, id, true),
        Some(EnrollAnswer::Suppressed { reason, since }) => return Err(ApiError::contact_suppressed(&reason, since)),
        None => return Err(ApiError::unavailable()),
    };
    let found = state.store.enrollments().find(caller.tenant, id).await?.ok_or_else(ApiError::unavailable)?;
    Ok((status, Json(EnrolledView { enrollment: found.into(), existing })))
}

pub(super) fn new_enrollment(
    id: EnrollmentId,
    contact_id: domain::ids::ContactId,
    contact: NewContact,
    options: EnrollmentOptions,
    reply_to: Option<domain::address::Address>,
) -> NewEnrollment {
    NewEnrollment {
        id,
        contact: contact_id,
        address: contact.address,
        name: contact.name,
        external_id: contact.external_id,
        timezone: contact.timezone,
        contact_data: contact.data,
        data: options.data,
        start_at: options.start_at,
        reply_to,
        headers: options.headers,
        tags: options.tags,
        test_mode: options.test_mode,
        force_new: options.force_new,
    }
}

pub(super) fn not_enrolled(why: NotEnrolled) -> ApiError {
    match why {
        NotEnrolled::NoSuchCampaign => CampaignId::missing(),
        NotEnrolled::Closed(state) => ApiError::conflict(format!("the campaign is {state} and takes nobody")),
    }
}
