use domain::ids::TenantId;
use redis::AsyncCommands;

use crate::{QueueLink, Result};

impl QueueLink {
    /// Tells whoever watches a tenant's messages; answers how many do.
    pub async fn tell_live(&self, tenant: TenantId, events: &str) -> Result<i64> {
        Ok(self.connection().publish(self.keys().live_events(tenant), events).await?)
    }
}
