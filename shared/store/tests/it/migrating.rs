use migrations::Migrator;
use sea_orm_migration::MigratorTrait;
use testkit::TestDatabase;

#[tokio::test]
async fn every_migration_can_be_taken_back_and_applied_again() -> anyhow::Result<()> {
    let database = TestDatabase::create().await?;
    Migrator::down(database.store.orm(), None).await?;
    assert!(!database.store.schema().has_step(migrations::newest()).await?);
    let left = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                AND relname NOT IN ('seaql_migrations', 'test_clock')";
    assert_eq!(database.count(left).await?, 0);
    Migrator::up(database.store.orm(), None).await?;
    assert!(database.store.schema().has_step(migrations::newest()).await?);
    Ok(())
}
