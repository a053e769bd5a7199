use std::collections::HashSet;
use std::time::Duration;

use store::{IdempotencyAnswer, IdempotentRequest};

use crate::setup::Setup;

fn request(key: u8, body: u8) -> IdempotentRequest {
    IdempotentRequest { key_hash: [key; 32], request_hash: [body; 32] }
}

#[tokio::test]
async fn of_fifty_that_come_at_once_one_runs() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let claims = (0..50).map(|_| {
        let (store, tenant, id) = (setup.store.clone(), setup.tenant, setup.ids.next());
        tokio::spawn(async move { store.idempotency().claim(tenant, &request(1, 1), id, 60.0).await })
    });
    let mut ran = HashSet::new();
    for claim in claims.collect::<Vec<_>>() {
        match claim.await?? {
            IdempotencyAnswer::Run(id) => assert!(ran.insert(id)),
            answer => assert_eq!(answer, IdempotencyAnswer::InProgress),
        }
    }
    assert_eq!(ran.len(), 1);
    Ok(())
}

#[tokio::test]
async fn who_died_in_the_middle_is_taken_over_under_the_same_id() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let keys = setup.store.idempotency();
    let IdempotencyAnswer::Run(first) = keys.claim(setup.tenant, &request(1, 1), setup.ids.next(), 60.0).await? else {
        panic!("nobody had it before")
    };
    let again = async || keys.claim(setup.tenant, &request(1, 1), setup.ids.next(), 60.0).await;
    assert_eq!(again().await?, IdempotencyAnswer::InProgress);
    setup.database.advance(Duration::from_secs(61)).await?;
    assert_eq!(again().await?, IdempotencyAnswer::Run(first));
    keys.let_go(setup.tenant, &[1; 32], first).await?;
    assert_eq!(again().await?, IdempotencyAnswer::Run(first), "what came to nothing may be repeated at once");
    keys.keep(setup.tenant, &[1; 32], first, 202, b"{}").await?;
    assert_eq!(again().await?, IdempotencyAnswer::Done { status: 202, body: b"{}".to_vec() });
    let other = keys.claim(setup.tenant, &request(1, 2), setup.ids.next(), 60.0).await?;
    assert_eq!(other, IdempotencyAnswer::OtherRequest);
    let stranger = setup.build.tenant().await?;
    let theirs = keys.claim(stranger, &request(1, 2), setup.ids.next(), 60.0).await?;
    assert!(matches!(theirs, IdempotencyAnswer::Run(_)), "keys are a tenant's own");
    Ok(())
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day_at_least_and_swept_after_two() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let keys = setup.store.idempotency();
    let id = setup.ids.next();
    keys.claim(setup.tenant, &request(1, 1), id, 60.0).await?;
    keys.keep(setup.tenant, &[1; 32], id, 201, b"{}").await?;
    setup.database.advance(Duration::from_secs(25 * 3_600)).await?;
    assert_eq!(keys.sweep(100).await?, 0);
    setup.database.advance(Duration::from_secs(24 * 3_600)).await?;
    assert_eq!(keys.sweep(100).await?, 1);
    Ok(())
}
