use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::ids::TenantId;
use domain::keys::{ApiKey, KeyRights, KeyScope};
use runtime::ids::secret_bytes;
use serde::Deserialize;
use store::{KeyRow, NewKey};
use utoipa::ToSchema;

use crate::extract::{Caller, Creation, KeepInstead, parse, read_body};
use crate::views::{KeyView, NewKeyView};
use crate::{ApiError, ApiState};

const BODY_MAX_BYTES: usize = 4 * 1024;
const NAME_MAX_CHARS: usize = 100;

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "website", "scopes": ["send"]}))]
pub struct KeyDraft {
    /// What it is for: 1 to 100 characters on one line.
    #[serde(default = "unnamed")]
    #[schema(example = "website")]
    name: String,
    /// What it may do; no more than your own key. All of that where nothing is said.
    #[serde(default)]
    scopes: Option<Vec<KeyScope>>,
    /// Only an operator's key makes operators' keys.
    #[serde(default)]
    operator: bool,
    /// When it ends; with your own key at the latest.
    #[serde(default)]
    expires_at: Option<DateTime<Utc>>,
}

fn unnamed() -> String {
    "default".to_owned()
}

/// A checked draft.
pub struct KeyPlan {
    pub name: String,
    pub rights: KeyRights,
    pub expires_at: Option<DateTime<Utc>>,
}

impl KeyDraft {
    pub async fn read(state: &ApiState, caller: &Caller, body: Body) -> Result<KeyPlan, ApiError> {
        let bytes = read_body(body, BODY_MAX_BYTES, "a key has at most 4 KiB").await?;
        let draft: Self = parse(&bytes)?;
        let named = (1..=NAME_MAX_CHARS).contains(&draft.name.chars().count());
        if !named || draft.name.chars().any(char::is_control) {
            return Err(ApiError::invalid_field("name", "has 1 to 100 characters on one line"));
        }
        let now = state.clock.now().ok_or_else(ApiError::unavailable)?;
        if draft.expires_at.is_some_and(|at| at <= now) {
            return Err(ApiError::invalid_field("expires_at", "lies in the past"));
        }
        let scopes = draft.scopes.unwrap_or_else(|| caller.rights.scopes().to_vec());
        if scopes.is_empty() && !draft.operator {
            return Err(ApiError::invalid_field("scopes", "a key without any can do nothing"));
        }
        let rights = KeyRights::new(scopes, draft.operator);
        if !caller.rights.may_give(&rights) {
            return Err(ApiError::forbidden("a key cannot make one that may do more than itself"));
        }
        // What a key makes ends with it at the latest.
        let expires_at = [draft.expires_at, caller.expires_at].into_iter().flatten().min();
        Ok(KeyPlan { name: draft.name, rights, expires_at })
    }
}

/// Makes it, and shows its secret this once.
pub async fn make(state: &ApiState, tenant: TenantId, creation: Creation, plan: KeyPlan) -> Result<Response, ApiError> {
    let key = ApiKey::new(creation.id(state), secret_bytes());
    let new = NewKey { key: key.clone(), name: plan.name, rights: plan.rights, expires_at: plan.expires_at };
    shown(&key, state.store.api_keys().create(tenant, &new).await?)
}

/// Shows a new key's secret this once; what is kept for repeats has none.
pub(super) fn shown(key: &ApiKey, row: KeyRow) -> Result<Response, ApiError> {
    let row = KeyView::from(row);
    let hidden = NewKeyView { key: None, row: row.clone() };
    let kept = serde_json::to_vec(&hidden).map_err(|error| ApiError::internal(&error.into()))?;
    let answer = Json(NewKeyView { key: Some(key.reveal()), row });
    Ok((StatusCode::CREATED, Extension(KeepInstead(kept)), answer).into_response())
}
