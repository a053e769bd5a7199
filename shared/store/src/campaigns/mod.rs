//! Campaigns and the versions of their plans.

mod add_version;
mod change_state;
mod count_campaign;
mod create_campaign;
mod find_campaign;
mod sort_rooms;

pub use add_version::VersionAnswer;
pub use change_state::StateAnswer;
pub use count_campaign::CampaignCounts;
pub use find_campaign::{CampaignVersion, CampaignView};

use sqlx::PgPool;

use crate::plans::{PlanCache, Plans};

pub struct Campaigns<'a> {
    pub(crate) pool: &'a PgPool,
    pub(crate) cache: &'a PlanCache,
}

impl<'a> Campaigns<'a> {
    pub fn plans(&self) -> Plans<'a> {
        Plans { pool: self.pool, cache: self.cache }
    }
}
