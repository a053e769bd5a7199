use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "senders")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub address: String,
    pub display_name: Option<String>,
    pub provider: String,
    pub smtp_host: String,
    pub smtp_port: i32,
    pub tls_mode: String,
    pub username: Option<String>,
    pub secret: Option<Vec<u8>>,
    pub max_connections: i32,
    pub version: i32,
    pub faults: i32,
    pub paused_at: Option<DateTimeUtc>,
    pub pause_reason: Option<String>,
    pub paused_by: Option<String>,
    pub archived_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
