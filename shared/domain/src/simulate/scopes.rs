use std::collections::BTreeMap;

use super::Settings;
use super::bucket::Bucket;
use crate::ids::SenderId;
use crate::limits::{BucketKey, Channel, LimitSet, Scope};
use crate::plans::{Compiled, Does};

/// Buckets whose limits are counted and named together: of all senders that have the same, of all small domains.
#[derive(Debug, Clone)]
pub struct Class {
    pub scope: Scope,
    /// The domain, or the sender that a node names.
    pub key: Option<String>,
    pub limits: LimitSet,
}

/// Every bucket that messages of a simulation need a token from, all of them full.
#[derive(Debug, Default)]
pub struct Scopes {
    pub classes: Vec<Class>,
    pub senders: Vec<Bucket>,
    pub domains: Vec<Bucket>,
    /// Where the senders stand that the plan names.
    pub named_senders: BTreeMap<SenderId, u32>,
}

impl Scopes {
    pub fn new(plan: &Compiled, settings: &Settings, domains: u32) -> Self {
        let mut scopes = Self::default();
        scopes.add_senders(plan, settings);
        scopes.add_domains(settings, domains);
        scopes
    }

    /// The tenant's, or the fleet's.
    pub fn add_shared(&mut self, key: &BucketKey, settings: &Settings) -> Bucket {
        let limits = settings.limits.limits(Channel::Email, settings.tenant, key);
        self.add_class(key.scope(), None, limits)
    }

    fn add_senders(&mut self, plan: &Compiled, settings: &Settings) {
        let limits = |sender| settings.limits.limits(Channel::Email, settings.tenant, &BucketKey::Sender(sender));
        let mut alike: BTreeMap<Vec<String>, Bucket> = BTreeMap::new();
        for (place, sender) in settings.senders.iter().enumerate() {
            let own = limits(*sender);
            let bucket = alike.entry(own.texts()).or_insert_with(|| self.add_class(Scope::Sender, None, own));
            let bucket = bucket.clone();
            self.senders.push(bucket);
            self.named_senders.insert(*sender, place as u32);
        }
        for node in &plan.nodes {
            if let Does::Send { sender: Some(sender) } = node.does
                && !self.named_senders.contains_key(&sender)
            {
                let bucket = self.add_class(Scope::Sender, Some(sender.to_string()), limits(sender));
                self.named_senders.insert(sender, self.senders.len() as u32);
                self.senders.push(bucket);
            }
        }
    }

    fn add_domains(&mut self, settings: &Settings, domains: u32) {
        let limits = |name: &str| {
            settings.limits.limits(Channel::Email, settings.tenant, &BucketKey::Domain(settings.tenant, name.into()))
        };
        for name in settings.domains.names() {
            let bucket = self.add_class(Scope::Domain, Some(name.to_owned()), limits(name));
            self.domains.push(bucket);
        }
        if domains as usize > self.domains.len() {
            let small = self.add_class(Scope::Domain, None, limits(""));
            self.domains.resize(domains as usize, small);
        }
    }

    fn add_class(&mut self, scope: Scope, key: Option<String>, limits: LimitSet) -> Bucket {
        let bucket = Bucket::new(self.classes.len() as u32, &limits);
        self.classes.push(Class { scope, key, limits });
        bucket
    }
}
