use std::time::Duration;

use async_trait::async_trait;
use domain::messages::resolve_uncertain::{Resolution, resolve_uncertain};
use store::messages::UncertainRow;

use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(30);
const PAGE: i64 = 500;

/// Resolves uncertain messages by their tenant's choice and the provider's horizon; every resolution is recorded.
pub struct ResolveUncertain {
    parts: Parts,
}

impl ResolveUncertain {
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }
}

#[async_trait]
impl Reconciler for ResolveUncertain {
    fn name(&self) -> &'static str {
        "resolve_uncertain"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        let Some(term) = self.parts.term_in_step() else { return Ok(Report::default()) };
        let messages = self.parts.store.messages();
        let (mut resent, mut unknown, mut waiting) = (0, 0, 0u32);
        let mut after = UncertainRow::FIRST_PAGE;
        loop {
            let page = messages.uncertain_after_all_tenants(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.next_page();
            for row in &page {
                match resolve_uncertain(&row.facts, row.now) {
                    Resolution::WaitUntil(_) => waiting += 1,
                    Resolution::Resend => {
                        resent += u64::from(messages.resend_uncertain(term, row.message, row.attempt).await?)
                    }
                    Resolution::Unknown => {
                        unknown += u64::from(messages.give_up_uncertain(term, row.message, row.attempt).await?)
                    }
                }
            }
        }
        metrics::gauge!("postfleet_uncertain_messages").set(f64::from(waiting));
        Ok(Report::default().count("resent", resent).count("unknown", unknown))
    }
}
