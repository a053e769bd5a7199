use std::time::Duration;

use domain::messages::resolve_uncertain::{COMMIT_DEADLINE_SMTP, UncertainPolicy};
use store::messages::UncertainRow;

use crate::setup::Setup;

#[tokio::test]
async fn a_resend_happens_once() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let (message, attempt) = setup.committing().await?;
    let messages = setup.store.messages();
    setup.database.advance(COMMIT_DEADLINE_SMTP.to_std()? + Duration::from_secs(1)).await?;
    messages.expire_commits(setup.term, 10).await?;

    assert!(messages.resend_uncertain(setup.term, message, attempt).await?);
    assert!(!messages.resend_uncertain(setup.term, message, attempt).await?);
    let fed = setup.feed(10, 10).await?;
    let claim = setup.claim(message, fed[0].job).await?;
    assert_eq!(setup.commit(std::slice::from_ref(&claim)).await?, [claim.attempt]);
    setup.database.advance(COMMIT_DEADLINE_SMTP.to_std()? + Duration::from_secs(1)).await?;
    messages.expire_commits(setup.term, 10).await?;
    assert!(!messages.resend_uncertain(setup.term, message, claim.attempt).await?, "only once, whatever comes");

    let view = messages.find_message(setup.tenant, message).await?.expect("stored");
    let outcomes: Vec<&str> = view.attempts.iter().map(|attempt| attempt.outcome.as_str()).collect();
    assert_eq!(outcomes, ["uncertain", "resend", "uncertain"]);
    Ok(())
}

#[tokio::test]
async fn uncertain_rows_are_listed_in_pages_with_their_tenants_policy() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    for _ in 0..5 {
        setup.committing().await?;
    }
    setup.database.advance(COMMIT_DEADLINE_SMTP.to_std()? + Duration::from_secs(1)).await?;
    let messages = setup.store.messages();
    assert_eq!(messages.expire_commits(setup.term, 3).await?.len(), 3, "a pass is bounded");
    assert_eq!(messages.expire_commits(setup.term, 3).await?.len(), 2);

    let mut after = UncertainRow::FIRST_PAGE;
    let mut seen = 0;
    loop {
        let page = messages.uncertain_after_all_tenants(after, 2).await?;
        let Some(last) = page.last() else { break };
        assert!(page.iter().all(|row| row.facts.policy == UncertainPolicy::Show));
        seen += page.len();
        after = last.next_page();
    }
    assert_eq!(seen, 5);
    Ok(())
}
