use chrono::{DateTime, Utc};
use domain::ids::ApiKeyId;
use domain::keys::KeyScope;
use serde::Serialize;
use store::KeyRow;
use utoipa::ToSchema;

/// An API key, without its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeyView {
    id: ApiKeyId,
    name: String,
    /// How it begins.
    prefix: String,
    scopes: Vec<KeyScope>,
    /// It may also do what concerns other tenants and the whole fleet.
    operator: bool,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    /// To the minute.
    last_used_at: Option<DateTime<Utc>>,
}

/// A key that was just made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NewKeyView {
    /// Send it as `X-API-Key`. It is shown this once; a repeat with the same Idempotency-Key answers null.
    #[schema(required)]
    pub key: Option<String>,
    #[serde(flatten)]
    pub row: KeyView,
}

impl From<KeyRow> for KeyView {
    fn from(key: KeyRow) -> Self {
        Self {
            id: key.id,
            name: key.name,
            prefix: key.prefix,
            scopes: key.rights.scopes().to_vec(),
            operator: key.rights.operator,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
        }
    }
}
