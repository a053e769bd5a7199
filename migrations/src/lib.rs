//! The schema, as reversible steps of plain SQL.
//!
//! Each step is `sql/<name>.up.sql` and `sql/<name>.down.sql`; `README.md` says how to write one that is safe beside
//! the previous version.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

pub struct Migrator;

struct SqlStep {
    name: &'static str,
    up: &'static str,
    down: &'static str,
}

/// Steps that build indexes without locking anybody out, which cannot be done inside a transaction: statement by
/// statement, each safe to repeat. What must happen together stands on one line.
const WITHOUT_TRANSACTION: [&str; 5] =
    ["m0006_lanes", "m0008_lists", "m0010_campaign_messages", "m0011_message_index", "m0012_message_key"];

macro_rules! steps {
    ($($name:literal),+ $(,)?) => {
        [$(SqlStep {
            name: $name,
            up: include_str!(concat!("../sql/", $name, ".up.sql")),
            down: include_str!(concat!("../sql/", $name, ".down.sql")),
        }),+]
    };
}

const STEPS: [SqlStep; 12] = steps![
    "m0001_tenants",
    "m0002_senders",
    "m0003_messages",
    "m0004_fleet",
    "m0005_limits",
    "m0006_lanes",
    "m0007_surface",
    "m0008_lists",
    "m0009_campaigns",
    "m0010_campaign_messages",
    "m0011_message_index",
    "m0012_message_key",
];

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        STEPS.into_iter().map(|step| Box::new(step) as Box<dyn MigrationTrait>).collect()
    }
}

impl MigrationName for SqlStep {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for SqlStep {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.run(manager, self.up).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.run(manager, self.down).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(!self.is_without_transaction())
    }
}

impl SqlStep {
    fn is_without_transaction(&self) -> bool {
        WITHOUT_TRANSACTION.contains(&self.name)
    }

    /// A step that cannot get its lock gives up at once instead of queueing everybody behind it.
    async fn run(&self, manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        if self.is_without_transaction() {
            for statement in sql.split_inclusive(";\n") {
                connection.execute_unprepared(statement).await?;
            }
            return Ok(());
        }
        connection.execute_unprepared("SET LOCAL lock_timeout = '2s'").await?;
        connection.execute_unprepared(sql).await?;
        Ok(())
    }
}

/// The name of the newest step: what a role waits for.
pub fn newest() -> &'static str {
    STEPS[STEPS.len() - 1].name
}
