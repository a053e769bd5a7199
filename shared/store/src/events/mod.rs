//! What comes back: each event is kept once, and told to the enrollments that it concerns in the same transaction.

mod ingest_event;

pub use ingest_event::{EventSource, Ingested};

use sqlx::PgPool;

use crate::plans::PlanCache;

pub struct Events<'a> {
    pub(crate) pool: &'a PgPool,
    pub(crate) cache: &'a PlanCache,
}
