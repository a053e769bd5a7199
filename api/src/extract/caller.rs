use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use domain::ids::{ApiKeyId, TenantId};
use domain::keys::ApiKey;
use lru::LruCache;
use store::{KeyOwner, OPERATOR};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::{ApiError, ApiState};

/// Who asks. The tenant comes from the key and from nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    pub tenant: TenantId,
    pub key: ApiKeyId,
    /// The key may set what holds for its tenant and for the whole fleet.
    pub operator: bool,
}

impl Caller {
    /// How it is named where something was changed.
    pub fn by(&self) -> String {
        self.key.to_string()
    }

    /// How it is named where something was stopped: what an operator stops, only an operator lets go on.
    pub fn pauses_as(&self) -> String {
        if self.operator { OPERATOR.to_owned() } else { self.by() }
    }
}

/// A revoked key is refused everywhere within this time.
const REMEMBERED_FOR: Duration = Duration::from_secs(3);
const KEYS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// Keys that were looked up a moment ago.
pub struct KeyCache(Mutex<LruCache<ApiKeyId, (KeyOwner, Instant)>>);

impl Default for KeyCache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEYS_MAX)))
    }
}

impl KeyCache {
    fn get(&self, id: ApiKeyId) -> Option<KeyOwner> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&id).filter(|(_, at)| at.elapsed() < REMEMBERED_FOR).map(|(owner, _)| owner.clone())
    }

    fn put(&self, id: ApiKeyId, owner: KeyOwner) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(id, (owner, Instant::now()));
    }
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let given = given_key(parts).ok_or_else(ApiError::invalid_api_key)?;
        let key = ApiKey::parse(&given).map_err(|_| ApiError::invalid_api_key())?;
        let owner = match state.keys.get(key.id) {
            Some(owner) => owner,
            None => {
                let owner = state.store.api_keys().find_valid(key.id).await?.ok_or_else(ApiError::invalid_api_key)?;
                state.keys.put(key.id, owner.clone());
                owner
            }
        };
        if bool::from(key.hash()[..].ct_eq(&owner.hash)) {
            Ok(Self { tenant: owner.tenant, key: key.id, operator: owner.operator })
        } else {
            Err(ApiError::invalid_api_key())
        }
    }
}

fn given_key(parts: &Parts) -> Option<String> {
    let text = |name: &str| parts.headers.get(name)?.to_str().ok();
    let bearer = || text(AUTHORIZATION.as_str())?.strip_prefix("Bearer ");
    text("x-api-key").or_else(bearer).map(str::to_owned)
}
