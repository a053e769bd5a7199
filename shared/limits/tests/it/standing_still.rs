use std::time::Duration;

use domain::limits::{BucketKey, LimitTarget, RefusedBy};
use testkit::until;

use crate::setup::Setup;

#[tokio::test]
async fn a_pushback_parks_a_bucket_for_everybody_and_ends_by_itself() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    let bucket = BucketKey::Sender(setup.sender);
    assert_eq!(setup.granted("a.example", 1).await?, 1);
    setup.limits.park(&bucket, Duration::from_millis(1_200)).await?;
    // Another asks for less: the longer pause holds.
    setup.limits.park(&bucket, Duration::from_millis(1)).await?;
    assert_eq!(setup.granted("a.example", 1).await?, 0);
    let refusal = setup.limits.look(setup.tenant, &[bucket]).await?[0].clone().expect("it is parked");
    assert_eq!(refusal.why, RefusedBy::Pushback);
    assert!(refusal.wait > Duration::from_millis(700), "{:?}", refusal.wait);
    until("the pause is over", async || Ok(setup.granted("a.example", 1).await? == 1)).await;
    Ok(())
}

#[tokio::test]
async fn a_pushback_of_a_year_is_a_quarter_of_an_hour() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    let bucket = BucketKey::Sender(setup.sender);
    setup.limits.park(&bucket, Duration::from_secs(365 * 86_400)).await?;
    let refusal = setup.limits.look(setup.tenant, &[bucket]).await?[0].clone().expect("it is parked");
    assert!(refusal.wait <= Duration::from_secs(900), "{:?}", refusal.wait);
    Ok(())
}

#[tokio::test]
async fn looking_takes_nothing_and_buckets_that_say_nothing_are_not_kept() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    setup.limit(&[(LimitTarget::Senders(setup.tenant), &["1000/s,burst=2"])])?;
    until("two tokens are there", async || Ok(setup.granted("a.example", 2).await? == 2)).await;
    let keys = || -> anyhow::Result<Vec<String>> {
        Ok(redis::cmd("KEYS").arg("{pf}:bucket:*").query(&mut setup.redis.client()?)?)
    };
    until("the bucket is full again and gone", async || Ok(keys()?.is_empty())).await;
    for _ in 0..5 {
        assert_eq!(setup.limits.look(setup.tenant, &[BucketKey::Sender(setup.sender)]).await?, [None]);
    }
    assert!(keys()?.is_empty());
    Ok(())
}
