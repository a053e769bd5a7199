use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::campaigns::InvalidCampaign;
use domain::messages::draft::InvalidDraft;
use domain::plans::PlanProblem;
use domain::problems::FieldProblem;
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

pub use crate::failures::Failures;

/// What a caller is told when something is wrong: a status, a stable code, a sentence, and which fields.
///
/// Everything that is not the caller's doing becomes a 500 without detail, logged once, here.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Vec<FieldDetail>,
    retry_after_secs: Option<u32>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: Vec::new(), retry_after_secs: None }
    }

    pub fn invalid_request(problems: &[FieldProblem]) -> Self {
        let error = Self::new(StatusCode::BAD_REQUEST, "invalid_request", "the request has fields that are not valid");
        Self { details: fields(problems), ..error }
    }

    pub fn invalid_field(field: &str, problem: impl Into<String>) -> Self {
        Self::invalid_request(&[FieldProblem { field: field.to_owned(), problem: problem.into() }])
    }

    pub fn template_invalid(problems: &[FieldProblem]) -> Self {
        let error = Self::new(StatusCode::BAD_REQUEST, "template_invalid", "a template is not valid");
        Self { details: fields(problems), ..error }
    }

    /// Everything that is wrong with a plan, each under its path in the plan.
    pub fn invalid_plan(problems: &[PlanProblem]) -> Self {
        let field = |problem: &PlanProblem| FieldProblem { field: problem.path.clone(), problem: problem.to_string() };
        let error = Self::new(StatusCode::BAD_REQUEST, "invalid_request", "the plan may not run");
        Self { details: fields(&problems.iter().map(field).collect::<Vec<_>>()), ..error }
    }

    /// The address may not be mailed.
    pub fn contact_suppressed(reason: &str, since: DateTime<Utc>) -> Self {
        let since = since.format("%Y-%m-%dT%H:%M:%SZ");
        let message = format!("the address may not be mailed: {reason}, since {since}");
        Self::new(StatusCode::BAD_REQUEST, "contact_suppressed", message)
    }

    pub fn invalid_api_key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_api_key",
            "send a valid key as X-API-Key or as Authorization: Bearer",
        )
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    pub fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "this route has no such method")
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// The same idempotency key is being used, or was used for something else.
    pub fn idempotency_conflict() -> Self {
        let error = Self::new(
            StatusCode::CONFLICT,
            "idempotency_conflict",
            "a request with this Idempotency-Key is being carried out; repeat it in a second",
        );
        Self { retry_after_secs: Some(1), ..error }
    }

    pub fn idempotency_reuse() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_conflict",
            "this Idempotency-Key was used for another request; use a new one",
        )
    }

    pub fn rate_limited(retry_after_secs: u32) -> Self {
        let error = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_exceeded",
            "this key makes more requests than it may; see the RateLimit headers",
        );
        Self { retry_after_secs: Some(retry_after_secs), ..error }
    }

    /// Somebody has to wait for something that ends by itself.
    pub fn too_early(message: impl Into<String>, retry_after_secs: u32) -> Self {
        Self { retry_after_secs: Some(retry_after_secs), ..Self::conflict(message) }
    }

    pub fn unsupported_media_type(message: &str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request", message)
    }

    pub fn payload_too_large(message: &str) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", message)
    }

    pub fn unavailable() -> Self {
        let error = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "the service did not answer in time; repeat with the same Idempotency-Key or dedupe_key",
        );
        Self { retry_after_secs: Some(1), ..error }
    }

    /// Logs the whole chain and tells nothing of it.
    pub fn internal(error: &anyhow::Error) -> Self {
        tracing::error!(error = format!("{error:#}"), "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong on our side")
    }

    pub fn is_unavailable(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
    }

    /// As it stands in an answer, alone or as one item of a batch.
    pub fn detail(&self) -> ErrorDetail {
        ErrorDetail { code: self.code, message: self.message.clone(), details: self.details.clone() }
    }
}

/// Every error of this API.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// Stable: branch on this.
    #[schema(value_type = String, example = "invalid_request")]
    code: &'static str,
    /// A sentence for a person; may change.
    message: String,
    /// Which fields are wrong, and how.
    details: Vec<FieldDetail>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FieldDetail {
    /// Its path in the request; empty for the request as a whole.
    field: String,
    problem: String,
}

fn fields(problems: &[FieldProblem]) -> Vec<FieldDetail> {
    problems.iter().map(|one| FieldDetail { field: one.field.clone(), problem: one.problem.clone() }).collect()
}

impl From<InvalidDraft> for ApiError {
    fn from(invalid: InvalidDraft) -> Self {
        match invalid {
            InvalidDraft::Fields(problems) => Self::invalid_request(&problems),
            InvalidDraft::Template(problems) => Self::template_invalid(&problems),
        }
    }
}

impl From<InvalidCampaign> for ApiError {
    fn from(invalid: InvalidCampaign) -> Self {
        match invalid {
            InvalidCampaign::Fields(problems) => Self::invalid_request(&problems),
            InvalidCampaign::Plan(problems) => Self::invalid_plan(&problems),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            tracing::warn!(error = format!("{:#}", anyhow::Error::from(error)), "Postgres did not answer a request");
            Self::unavailable()
        } else {
            Self::internal(&error.into())
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_after: Option<(HeaderName, String)> =
            self.retry_after_secs.map(|secs| (header::RETRY_AFTER, secs.to_string()));
        let body = Json(ErrorBody { error: self.detail() });
        match retry_after {
            Some(retry_after) => (self.status, [retry_after], body).into_response(),
            None => (self.status, body).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_status_and_code() {
        for (error, status, code) in [
            (ApiError::invalid_field("to", "x"), 400, "invalid_request"),
            (ApiError::template_invalid(&[]), 400, "template_invalid"),
            (ApiError::invalid_plan(&[]), 400, "invalid_request"),
            (ApiError::contact_suppressed("bounce", DateTime::UNIX_EPOCH), 400, "contact_suppressed"),
            (ApiError::invalid_api_key(), 401, "invalid_api_key"),
            (ApiError::forbidden("x"), 403, "forbidden"),
            (ApiError::not_found("x"), 404, "not_found"),
            (ApiError::method_not_allowed(), 405, "invalid_request"),
            (ApiError::conflict("x"), 409, "conflict"),
            (ApiError::idempotency_conflict(), 409, "idempotency_conflict"),
            (ApiError::payload_too_large("x"), 413, "payload_too_large"),
            (ApiError::unsupported_media_type("x"), 415, "invalid_request"),
            (ApiError::idempotency_reuse(), 422, "idempotency_conflict"),
            (ApiError::rate_limited(1), 429, "rate_limit_exceeded"),
            (ApiError::unavailable(), 503, "unavailable"),
        ] {
            assert_eq!((error.status.as_u16(), error.code), (status, code));
        }
    }

    #[test]
    fn what_went_wrong_inside_is_not_told() {
        let told = ApiError::internal(&anyhow::anyhow!("password=hunter2")).detail();
        let told = serde_json::to_string(&told).expect("plain data");
        assert!(!told.contains("hunter2"), "{told}");
    }
}
