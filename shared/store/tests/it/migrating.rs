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

#[tokio::test]
async fn a_change_of_key_that_does_not_get_its_lock_leaves_the_key_and_can_be_repeated() -> anyhow::Result<()> {
    let database = TestDatabase::create().await?;
    let orm = database.store.orm();
    for (before, after) in [("(tenant_id, id)", "(id)"), ("(id)", "(tenant_id, id)")] {
        let turn =
            async || if after == "(id)" { Migrator::down(orm, Some(1)).await } else { Migrator::up(orm, None).await };
        let mut reader = database.connection().await?;
        sqlx::raw_sql("BEGIN; LOCK TABLE messages IN ACCESS SHARE MODE").execute(&mut reader).await?;
        assert!(turn().await.is_err(), "somebody reads the table");
        assert_eq!(key_of_messages(&database).await?, format!("PRIMARY KEY {before}"));
        sqlx::raw_sql("COMMIT").execute(&mut reader).await?;
        turn().await?;
        assert_eq!(key_of_messages(&database).await?, format!("PRIMARY KEY {after}"));
    }
    Ok(())
}

/// A step without a transaction may be done and not be noted as done.
#[tokio::test]
async fn a_change_of_key_that_was_not_noted_can_be_repeated() -> anyhow::Result<()> {
    let database = TestDatabase::create().await?;
    let forget = "DELETE FROM seaql_migrations WHERE version = 'm0012_message_key'";
    sqlx::raw_sql(forget).execute(&mut database.connection().await?).await?;
    Migrator::up(database.store.orm(), None).await?;
    assert_eq!(key_of_messages(&database).await?, "PRIMARY KEY (tenant_id, id)");
    Migrator::down(database.store.orm(), Some(2)).await?;
    assert_eq!(key_of_messages(&database).await?, "PRIMARY KEY (id)");
    Ok(())
}

async fn key_of_messages(database: &TestDatabase) -> anyhow::Result<String> {
    let key =
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'messages'::regclass AND contype = 'p'";
    Ok(sqlx::query_scalar(key).fetch_one(&mut database.connection().await?).await?)
}
