//! Builders: what a test needs and does not want to talk about.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use domain::address::Address;
use domain::ids::{MessageId, SenderId, TenantId};
use domain::keys::{ApiKey, KeyRights};
use domain::limits::{Channel, LimitOverride, LimitTarget};
use domain::messages::draft::NewMessage;
use domain::messages::resolve_uncertain::UncertainPolicy;
use domain::messages::{Content, Priority};
use domain::senders::TlsMode;
use domain::suppressions::{NewSuppression, SuppressionReason};
use runtime::Ids;
use runtime::ids::secret_bytes;
use serde_json::{Map, Value};
use store::messages::EnqueueRow;
use store::{NewKey, NewSender, Store};

#[derive(Clone)]
pub struct Build {
    pub store: Store,
    pub ids: Ids,
}

impl Build {
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), ids: Ids::system() }
    }

    pub async fn tenant(&self) -> anyhow::Result<TenantId> {
        self.tenant_with(UncertainPolicy::Show).await
    }

    pub async fn tenant_with(&self, policy: UncertainPolicy) -> anyhow::Result<TenantId> {
        let id: TenantId = self.ids.next();
        self.store.tenants().create(id, "Test tenant", policy).await?;
        self.lift_limits(id).await?;
        Ok(id)
    }

    /// Limits that no test reaches: a test of limits sets its own.
    pub async fn lift_limits(&self, tenant: TenantId) -> anyhow::Result<()> {
        for target in LimitTarget::general(tenant) {
            self.limit(target, &["1000000/s"]).await?;
        }
        Ok(())
    }

    pub async fn limit(&self, target: LimitTarget, limits: &[&str]) -> anyhow::Result<()> {
        let set = LimitOverride::parse(target, Channel::Email, limits)?;
        Ok(self.store.limits().put(&set, "test").await?)
    }

    /// A sender whose mail goes to a sink.
    pub async fn sender(&self, tenant: TenantId, smtp: SocketAddr) -> anyhow::Result<SenderId> {
        self.sender_with(tenant, smtp, |_| {}).await
    }

    pub async fn sender_with(
        &self,
        tenant: TenantId,
        smtp: SocketAddr,
        change: impl FnOnce(&mut NewSender),
    ) -> anyhow::Result<SenderId> {
        let id: SenderId = self.ids.next();
        let mut new = NewSender {
            id,
            address: Address::parse("sender@example.com")?,
            display_name: Some("Test sender".to_owned()),
            smtp_host: smtp.ip().to_string(),
            smtp_port: smtp.port(),
            tls_mode: TlsMode::None,
            credentials: None,
            max_connections: 10,
        };
        change(&mut new);
        self.store.senders().create(tenant, new).await?;
        Ok(id)
    }

    pub async fn suppress(&self, tenant: TenantId, address: &Address, reason: SuppressionReason) -> anyhow::Result<()> {
        let new = NewSuppression { address: address.suppression_key(), reason, source: "test".to_owned() };
        self.store.suppressions().add(tenant, &[new]).await?;
        Ok(())
    }

    /// A key as a caller would send it.
    pub async fn key(&self, tenant: TenantId, rights: KeyRights) -> anyhow::Result<String> {
        let key = ApiKey::new(self.ids.next(), secret_bytes());
        let new = NewKey { key: key.clone(), name: "test".to_owned(), rights, expires_at: None };
        self.store.api_keys().create(tenant, &new).await?;
        Ok(key.reveal())
    }

    /// A message to `to`, ready to be enqueued as scheduled.
    pub fn message(&self, sender: SenderId, to: &str) -> EnqueueRow {
        EnqueueRow {
            id: self.ids.next(),
            message: NewMessage {
                sender,
                to: Address::parse(to).expect("a test's own address"),
                content: Arc::new(Content {
                    subject: "Hi {{name}}".to_owned(),
                    html: Some("<p>Hi {{name}}, this is a test.</p>".to_owned()),
                    text: None,
                }),
                data: Map::from_iter([("name".to_owned(), Value::from("Ann"))]),
                headers: BTreeMap::new(),
                tags: Vec::new(),
                reply_to: None,
                send_at: None,
                dedupe_key: None,
                priority: Priority::Normal,
            },
            dedupe_hash: None,
            job: None,
        }
    }

    /// Enqueues `count` messages to `r0@…`, `r1@…` as scheduled and due.
    pub async fn scheduled(&self, tenant: TenantId, sender: SenderId, count: usize) -> anyhow::Result<Vec<MessageId>> {
        let rows: Vec<EnqueueRow> =
            (0..count).map(|at| self.message(sender, &format!("r{at}@recipients.example"))).collect();
        for chunk in rows.chunks(1_000) {
            self.store.messages().enqueue_messages(tenant, chunk).await?;
        }
        Ok(rows.into_iter().map(|row| row.id).collect())
    }
}
