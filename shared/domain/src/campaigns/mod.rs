//! Campaigns: a plan, who sends it, and who runs through it.

mod draft;
mod state;

pub use draft::{CampaignDraft, InvalidCampaign, NewCampaign};
pub use state::{CampaignKind, CampaignState};
