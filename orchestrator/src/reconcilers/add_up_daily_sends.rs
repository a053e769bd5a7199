use std::time::Duration;

use async_trait::async_trait;

use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(10);
const KEYS_MAX: i64 = 1_000;

/// Adds up what workers counted for one sender and day in many small rows, so that a quota is read from few.
pub struct AddUpDailySends {
    parts: Parts,
}

impl AddUpDailySends {
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }
}

#[async_trait]
impl Reconciler for AddUpDailySends {
    fn name(&self) -> &'static str {
        "add_up_daily_sends"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        let Some(term) = self.parts.leadership.term() else { return Ok(Report::default()) };
        let keys = self.parts.store.limits().add_up_daily_sends(term, KEYS_MAX).await?;
        let again_in = (keys >= KEYS_MAX as u64).then_some(Duration::from_millis(100));
        Ok(Report { again_in, ..Report::default().count("keys", keys) })
    }
}
