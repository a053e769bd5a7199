use utoipa::IntoResponses;

use crate::error::ErrorBody;

/// What every route may answer instead.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes what `ApiError` answers")]
pub enum Failures {
    /// A field is not valid, or the request cannot be read: `invalid_request`, `template_invalid`, `contact_suppressed`.
    #[response(status = 400)]
    Invalid(ErrorBody),
    /// There is no such key, or it has ended: `invalid_api_key`.
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// The key may not do this: `forbidden`.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// You have no such thing: `not_found`.
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// It is too late or too early, or a repeat is under way: `conflict`, `idempotency_conflict`.
    #[response(status = 409)]
    Conflict(ErrorBody),
    /// `payload_too_large`.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// The Idempotency-Key was used for another request: `idempotency_conflict`.
    #[response(status = 422)]
    Reused(ErrorBody),
    /// Wait as long as `Retry-After` says: `rate_limit_exceeded`.
    #[response(status = 429)]
    TooMany(ErrorBody),
    /// Our fault: `internal`.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// Postgres did not answer in time: it may have been stored. Repeat with the same Idempotency-Key or dedupe_key: `unavailable`.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}
