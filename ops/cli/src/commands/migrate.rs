use clap::Args;
use migrations::Migrator;
use runtime::config::DatabaseConfig;
use sea_orm_migration::MigratorTrait;
use serde_json::json;
use store::{Store, StoreOptions};

use crate::output::OutputOptions;

#[derive(Args)]
pub struct MigrateOptions {
    #[command(flatten)]
    database: DatabaseConfig,
    /// Take back the last N steps instead.
    #[arg(long, value_name = "N")]
    down: Option<u32>,
    #[command(flatten)]
    output: OutputOptions,
}

pub async fn run(options: MigrateOptions) -> anyhow::Result<()> {
    let options_of_store = StoreOptions::new("postfleet migrate").connections_max(1).unhurried();
    let store = Store::connect(&options.database.database_url, &options_of_store)?;
    match options.down {
        Some(steps) => Migrator::down(store.orm(), Some(steps)).await?,
        None => Migrator::up(store.orm(), None).await?,
    }
    let applied: Vec<String> =
        Migrator::get_applied_migrations(store.orm()).await?.iter().map(|step| step.name().to_owned()).collect();
    options.output.print(&json!({"applied": applied.len(), "newest": applied.last()}));
    Ok(())
}
