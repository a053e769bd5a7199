use std::sync::atomic::{AtomicI64, Ordering};

use domain::ids::{SenderId, TenantId};
use domain::limits::{Channel, LimitBook, LimitOverride, LimitSet, LimitTarget};
use limits::{Ask, Limiter};
use queue::{Keys, QueueLink};
use runtime::Ids;
use testkit::RedisServer;

/// A Redis of the test's own with a generation begun, and limits.
pub struct Setup {
    pub redis: RedisServer,
    pub queue: QueueLink,
    pub limits: Limiter,
    pub ids: Ids,
    pub tenant: TenantId,
    pub sender: SenderId,
    beat: AtomicI64,
}

impl Setup {
    pub async fn start() -> anyhow::Result<Self> {
        let redis = RedisServer::start()?;
        let queue = QueueLink::connect(&redis.url(), Keys::default())?;
        let (limits, ids) = (Limiter::new(queue.link().clone()), Ids::system());
        let setup = Self { redis, queue, limits, tenant: ids.next(), sender: ids.next(), ids, beat: AtomicI64::new(1) };
        setup.begin_generation().await?;
        setup.limit(&[])?;
        Ok(setup)
    }

    pub async fn begin_generation(&self) -> anyhow::Result<()> {
        let beat = self.beat.fetch_add(1, Ordering::Relaxed);
        let generation: domain::ids::JobId = self.ids.next();
        self.queue.begin_generation(generation.uuid(), beat, false).await?;
        Ok(())
    }

    /// These hold; every other scope limits nothing.
    pub fn limit(&self, set: &[(LimitTarget, &[&str])]) -> anyhow::Result<()> {
        let open = [
            LimitTarget::Global,
            LimitTarget::Tenant(self.tenant),
            LimitTarget::Domains(self.tenant),
            LimitTarget::Senders(self.tenant),
        ];
        let all = open.into_iter().map(|target| (target, &[] as &[&str])).chain(set.iter().cloned());
        let overrides: anyhow::Result<Vec<LimitOverride>> = all
            .map(|(target, limits)| {
                Ok(LimitOverride { target, channel: Channel::Email, limits: LimitSet::parse(limits)? })
            })
            .collect();
        self.limits.adopt(1, LimitBook::new(overrides?));
        Ok(())
    }

    pub fn ask(&self, domain: &str, rows: u32) -> Ask {
        Ask { tenant: self.tenant, sender: self.sender, domain: domain.into(), rows }
    }

    pub async fn granted(&self, domain: &str, rows: u32) -> anyhow::Result<u32> {
        Ok(self.limits.admit("test", &[self.ask(domain, rows)]).await?.verdicts[0].granted)
    }
}
