use domain::ids::TenantId;
use domain::messages::resolve_uncertain::UncertainPolicy;
use sea_orm::{ActiveModelTrait, DatabaseConnection, EntityTrait, Set};

use crate::Result;
use crate::entities::tenant;

pub struct Tenants<'a> {
    pub(crate) orm: &'a DatabaseConnection,
}

impl Tenants<'_> {
    pub async fn create(&self, id: TenantId, name: &str, policy: UncertainPolicy) -> Result<()> {
        let row = tenant::ActiveModel {
            id: Set(id.uuid()),
            name: Set(name.to_owned()),
            uncertain_policy: Set(policy.as_str().to_owned()),
            ..Default::default()
        };
        row.insert(self.orm).await?;
        Ok(())
    }

    pub async fn exists(&self, id: TenantId) -> Result<bool> {
        Ok(tenant::Entity::find_by_id(id.uuid()).one(self.orm).await?.is_some())
    }
}
