pub mod add_version;
pub mod cancel;
pub mod complete;
pub mod create;
pub mod get;
pub mod list;
pub mod list_enrollments;
pub mod list_versions;
pub mod pause;
pub mod plan;
pub mod preview;
pub mod resume;
pub mod simulate;
pub mod start;
pub mod validate;

use domain::ids::{CampaignId, SenderId, TenantId};
use store::campaigns::StateAnswer;

use crate::extract::Named;
use crate::routes::messages::KnownSenders;
use crate::views::CampaignBody;
use crate::{ApiError, ApiState};

/// Largest campaign: a plan, and what stands around it.
pub(crate) const BODY_MAX_BYTES: usize = 4 * 1024 * 1024 + 64 * 1024;

/// Senders that a campaign names are the tenant's own, and in use.
pub(crate) async fn ensure_senders(state: &ApiState, tenant: TenantId, named: &[SenderId]) -> Result<(), ApiError> {
    let usable = KnownSenders::usable(state, tenant, named).await?;
    match named.iter().find(|sender| !usable.contains(sender)) {
        Some(unknown) => {
            Err(ApiError::invalid_field("sender", format!("you have no sender {unknown}, or it is archived")))
        }
        None => Ok(()),
    }
}

/// The campaign as it is after its state was changed, or why it was not.
async fn changed(
    state: &ApiState,
    tenant: TenantId,
    id: CampaignId,
    answer: StateAnswer,
    refused: &str,
) -> Result<CampaignBody, ApiError> {
    match answer {
        // Without its counts, which take a while where it is large: this was about its state.
        StateAnswer::Changed | StateAnswer::Already => {
            let found = state.store.campaigns().find(tenant, id).await?.ok_or_else(CampaignId::missing)?;
            Ok(CampaignBody::new(found, None))
        }
        StateAnswer::Refused(now) => Err(ApiError::conflict(format!("the campaign is {now}: {refused}"))),
        StateAnswer::NotFound => Err(CampaignId::missing()),
    }
}

pub(crate) async fn shown(state: &ApiState, tenant: TenantId, id: CampaignId) -> Result<CampaignBody, ApiError> {
    let campaigns = state.store.campaigns();
    let found = campaigns.find(tenant, id).await?.ok_or_else(CampaignId::missing)?;
    Ok(CampaignBody::new(found, Some(campaigns.count(tenant, id).await?)))
}
