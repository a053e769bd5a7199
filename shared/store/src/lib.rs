//! Postgres, the only truth.
//!
//! One file per operation; a statement that matters is a `.sql` file beside its method. Methods are sentences, take
//! the tenant first, and answer with an enum where a compare-and-swap can lose. Rarely used nouns go through sea-orm;
//! hot paths bind arrays to one statement, because a transaction per message is what they exist to avoid.

#[macro_use]
mod row;

mod answered;
mod api_keys;
pub mod campaigns;
mod connect;
pub mod contacts;
mod contents;
pub mod enrollments;
mod entities;
mod error;
pub mod events;
pub mod fleet;
mod health;
mod idempotency;
mod ingress;
mod ledger;
mod limits;
pub mod messages;
mod pauses;
mod place;
mod plans;
mod repeating_tenants;
mod schema;
mod senders;
mod stats;
mod suppressions;
mod tenants;
pub mod timers;
mod unsubscribe;

pub use api_keys::{ApiKeys, KeyOwner, KeyRow, NewKey, RotateAnswer};
pub use campaigns::Campaigns;
pub use connect::StoreOptions;
pub use contacts::Contacts;
pub use contents::{ContentView, Contents};
pub use enrollments::Enrollments;
pub use error::StoreError;
pub use events::Events;
pub use fleet::{Fleet, FleetSigns, FleetState, Leaders, Term, Workers};
pub use health::ServerHealth;
pub use idempotency::{Idempotency, IdempotencyAnswer, IdempotentRequest};
pub use ingress::{Ingress, IngressRefusal};
pub use ledger::{Ledger, LedgerRow};
pub use limits::{LimitRow, Limits};
pub use messages::Messages;
pub use pauses::{OPERATOR, PauseAnswer, ResumeAnswer};
pub use place::Place;
pub use plans::{Plans, RunnablePlan};
pub use schema::Schema;
pub use senders::{NewSender, SenderAccount, SenderAddress, SenderChange, SenderPage, SenderView, Senders};
pub use stats::StatsRow;
pub use suppressions::{SuppressionRow, Suppressions};
pub use tenants::{TenantView, Tenants};
pub use timers::Timers;
pub use unsubscribe::{InvalidToken, UnsubscribeToken};

use std::sync::Arc;

use sea_orm::DatabaseConnection;
use sqlx::PgPool;

use plans::PlanCache;
use repeating_tenants::RepeatingTenants;

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A handle on the database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    orm: DatabaseConnection,
    pool: PgPool,
    plans: Arc<PlanCache>,
    repeating: Arc<RepeatingTenants>,
}

impl Store {
    pub fn messages(&self) -> Messages<'_> {
        Messages { pool: &self.pool, repeating: &self.repeating }
    }

    pub fn campaigns(&self) -> Campaigns<'_> {
        Campaigns { pool: &self.pool, cache: &self.plans }
    }

    pub fn enrollments(&self) -> Enrollments<'_> {
        Enrollments { pool: &self.pool, cache: &self.plans }
    }

    pub fn timers(&self) -> Timers<'_> {
        Timers { pool: &self.pool, cache: &self.plans }
    }

    pub fn events(&self) -> Events<'_> {
        Events { pool: &self.pool, cache: &self.plans }
    }

    pub fn plans(&self) -> Plans<'_> {
        Plans { pool: &self.pool, cache: &self.plans }
    }

    pub fn tenants(&self) -> Tenants<'_> {
        Tenants { orm: &self.orm, pool: &self.pool }
    }

    pub fn limits(&self) -> Limits<'_> {
        Limits { pool: &self.pool }
    }

    pub fn api_keys(&self) -> ApiKeys<'_> {
        ApiKeys { pool: &self.pool }
    }

    pub fn contacts(&self) -> Contacts<'_> {
        Contacts { pool: &self.pool }
    }

    pub fn contents(&self) -> Contents<'_> {
        Contents { pool: &self.pool }
    }

    pub fn idempotency(&self) -> Idempotency<'_> {
        Idempotency { pool: &self.pool }
    }

    pub fn ingress(&self) -> Ingress<'_> {
        Ingress { pool: &self.pool }
    }

    pub fn senders(&self) -> Senders<'_> {
        Senders { orm: &self.orm, pool: &self.pool }
    }

    pub fn suppressions(&self) -> Suppressions<'_> {
        Suppressions { pool: &self.pool }
    }

    pub fn workers(&self) -> Workers<'_> {
        Workers { pool: &self.pool }
    }

    pub fn fleet(&self) -> Fleet<'_> {
        Fleet { pool: &self.pool }
    }

    pub fn leaders(&self) -> Leaders<'_> {
        Leaders { pool: &self.pool }
    }

    pub fn schema(&self) -> Schema<'_> {
        Schema { pool: &self.pool }
    }

    /// For migrations, which are sea-orm's.
    pub fn orm(&self) -> &DatabaseConnection {
        &self.orm
    }
}
