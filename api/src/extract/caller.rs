use std::ops::Deref;

use axum::extract::{FromRequestParts, Request};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::ids::{ApiKeyId, TenantId};
use domain::keys::{ApiKey, KeyRights, KeyScope, MalformedKey};
use store::{KeyOwner, OPERATOR};
use subtle::ConstantTimeEq;

use super::RateStanding;
use crate::{ApiError, ApiState};

/// Who asks. The tenant comes from the key and from nowhere else.
#[derive(Debug, Clone)]
pub struct Caller {
    pub tenant: TenantId,
    pub key: ApiKeyId,
    pub rights: KeyRights,
    pub expires_at: Option<DateTime<Utc>>,
}

impl Caller {
    /// How it is named where something was changed.
    pub fn by(&self) -> String {
        self.key.to_string()
    }

    /// How it is named where something was stopped: what an operator stops, only an operator lets go on.
    pub fn pauses_as(&self) -> String {
        if self.rights.operator { OPERATOR.to_owned() } else { self.by() }
    }

    pub fn ensure(&self, scope: KeyScope) -> Result<(), ApiError> {
        if self.rights.allow(scope) {
            Ok(())
        } else {
            Err(ApiError::forbidden(format!("this needs a key with the scope {scope}")))
        }
    }
}

/// Of a request that may go on: what its answer says of how many more there may be.
pub struct Admitted(Option<RateStanding>);

impl Admitted {
    pub fn tell(self, mut answer: Response) -> Response {
        if let Some(standing) = self.0 {
            standing.write(answer.headers_mut());
        }
        answer
    }
}

/// For every route that needs a key: finds whose it is, counts the request, and lets its handler know the caller.
pub async fn admit(state: &ApiState, request: &mut Request) -> Result<Admitted, Box<Response>> {
    let given = given_key(request).map(ApiKey::parse);
    let caller = find(state, given).await.map_err(|error| Box::new(error.into_response()))?;
    let standing = state.rates.count(&state.limits, caller.key).await;
    if let Some(refused) = standing.filter(|standing| standing.refused) {
        metrics::counter!("postfleet_http_rate_limited_total").increment(1);
        let mut answer = ApiError::rate_limited(refused.reset_secs.max(1)).into_response();
        refused.write(answer.headers_mut());
        return Err(Box::new(answer));
    }
    request.extensions_mut().insert(caller);
    Ok(Admitted(standing))
}

async fn find(state: &ApiState, given: Option<Result<ApiKey, MalformedKey>>) -> Result<Caller, ApiError> {
    let key = given.and_then(Result::ok).ok_or_else(ApiError::invalid_api_key)?;
    let owner: KeyOwner = match state.keys.get(key.id) {
        Some(owner) => owner,
        None => {
            let owner = state.store.api_keys().find_valid(key.id).await?.ok_or_else(ApiError::invalid_api_key)?;
            state.keys.put(key.id, owner.clone());
            owner
        }
    };
    if bool::from(key.hash()[..].ct_eq(&owner.hash)) {
        state.keys.used(key.id);
        Ok(Caller { tenant: owner.tenant, key: key.id, rights: owner.rights, expires_at: owner.expires_at })
    } else {
        Err(ApiError::invalid_api_key())
    }
}

fn given_key(request: &Request) -> Option<&str> {
    let text = |name: &str| request.headers().get(name)?.to_str().ok();
    let bearer = || text(AUTHORIZATION.as_str())?.strip_prefix("Bearer ");
    text("x-api-key").or_else(bearer)
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::invalid_api_key)
    }
}

/// A caller whose key has the right that a handler asks for by taking one of these.
macro_rules! callers {
    ($($(#[$doc:meta])* $name:ident: $holds:expr;)+) => {$(
        $(#[$doc])*
        pub struct $name(Caller);

        impl Deref for $name {
            type Target = Caller;

            fn deref(&self) -> &Caller {
                &self.0
            }
        }

        impl<S: Sync> FromRequestParts<S> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
                let caller = Caller::from_request_parts(parts, state).await?;
                let holds: fn(&Caller) -> Result<(), ApiError> = $holds;
                holds(&caller)?;
                Ok(Self(caller))
            }
        }
    )+};
}

callers! {
    Reader: |caller| caller.ensure(KeyScope::Read);
    Mailer: |caller| caller.ensure(KeyScope::Send);
    Manager: |caller| caller.ensure(KeyScope::Manage);
    /// May do what concerns every tenant.
    Operator: |caller| {
        if caller.rights.operator { Ok(()) } else { Err(ApiError::forbidden("this needs an operator's key")) }
    };
}
