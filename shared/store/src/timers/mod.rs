//! Timers: rows that are jobs of the `timeout` queue.

mod fire_timers;

pub use fire_timers::{DueTimer, Firing};

use sqlx::PgPool;

use crate::ledger::{Ledger, LedgerSql, ledger_sql};
use crate::plans::PlanCache;

const SQL: LedgerSql = ledger_sql!("timers");

pub struct Timers<'a> {
    pub(crate) pool: &'a PgPool,
    pub(crate) cache: &'a PlanCache,
}

impl<'a> Timers<'a> {
    /// What they share with other rows that are jobs.
    pub fn ledger(&self) -> Ledger<'a> {
        Ledger { pool: self.pool, sql: &SQL }
    }
}
