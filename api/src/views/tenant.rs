use chrono::{DateTime, Utc};
use domain::ids::TenantId;
use domain::messages::resolve_uncertain::UncertainPolicy;
use domain::messages::wait::Pause;
use serde::Serialize;
use store::TenantView;
use utoipa::ToSchema;

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantBody {
    id: TenantId,
    name: String,
    /// What becomes of a message whose answer was lost.
    uncertain_policy: UncertainPolicy,
    /// Since when it is paused, by whom and why.
    pause: Option<Pause>,
    created_at: DateTime<Utc>,
}

impl From<TenantView> for TenantBody {
    fn from(tenant: TenantView) -> Self {
        Self {
            id: tenant.id,
            name: tenant.name,
            uncertain_policy: tenant.uncertain_policy,
            pause: tenant.pause,
            created_at: tenant.created_at,
        }
    }
}
