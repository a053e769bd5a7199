use std::time::Duration;

use async_trait::async_trait;

use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(1);
/// While there is more to move than one statement should.
const GO_ON: Duration = Duration::from_millis(20);
/// Stopped campaigns seen to in one pass.
const STOPPED_MAX: i64 = 20;
/// Whole statements of rows: a pass that moved so many looks again at once.
const MANY: u64 = 5_000;

/// Keeps what campaigns have scheduled where it belongs: of those that do not send in their rooms, of those that do out of
/// them; and ends who still runs through a stopped one.
pub struct SortCampaigns {
    parts: Parts,
}

impl SortCampaigns {
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }
}

#[async_trait]
impl Reconciler for SortCampaigns {
    fn name(&self) -> &'static str {
        "sort_campaigns"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        let Some(term) = self.parts.leadership.term() else { return Ok(Report::default()) };
        if !self.parts.may_find(|signs| signs.campaigns) {
            return Ok(Report::default());
        }
        let campaigns = self.parts.store.campaigns();
        let (held, released) = campaigns.sort_rooms(term).await?;
        let mut ended = 0;
        let ids = self.parts.ids.clone();
        for (tenant, campaign) in campaigns.stopped_with_active_all_tenants(STOPPED_MAX).await? {
            ended += campaigns.end_stopped(tenant, campaign, &|| ids.next()).await?;
        }
        let again_in = (held >= MANY || released >= MANY || ended > 0).then_some(GO_ON);
        let report = Report::default().count("held", held).count("released", released).count("ended", ended);
        Ok(Report { again_in, ..report })
    }
}
