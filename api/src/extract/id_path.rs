use std::collections::HashMap;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use domain::address::Address;
use domain::ids::{ApiKeyId, BulkId, CampaignId, ContactId, ContentId, EnrollmentId, MessageId, SenderId, TenantId};

use crate::ApiError;

/// What a path may name, and what is said where there is no such thing.
pub trait Named: Sized {
    fn parse(text: &str) -> Option<Self>;
    fn missing() -> ApiError;
}

macro_rules! named {
    ($($id:ident: $missing:literal;)+) => {$(
        impl Named for $id {
            fn parse(text: &str) -> Option<Self> {
                Self::from_str(text).ok()
            }

            fn missing() -> ApiError {
                ApiError::not_found($missing)
            }
        }
    )+};
}

named! {
    ApiKeyId: "you have no such key";
    BulkId: "you have no such stream of contacts";
    CampaignId: "you have no such campaign";
    ContactId: "you have no such contact";
    ContentId: "you have no such content";
    EnrollmentId: "you have no such enrollment";
    MessageId: "you have no such message";
    SenderId: "you have no such sender";
    TenantId: "there is no such tenant";
}

impl Named for Address {
    fn parse(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    fn missing() -> ApiError {
        ApiError::not_found("this address is not suppressed")
    }
}

/// The `{id}` of a path. An id of another form is nobody's.
pub struct Id<T>(pub T);

impl<T: Named, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let named: Path<HashMap<String, String>> =
            Path::from_request_parts(parts, state).await.map_err(|_| T::missing())?;
        named.get("id").and_then(|text| T::parse(text)).map(Self).ok_or_else(T::missing)
    }
}
