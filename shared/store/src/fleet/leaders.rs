use std::time::Duration;

use sqlx::PgPool;
use uuid::Uuid;

use crate::Result;
use crate::answered::answered;

/// The one leadership there is.
pub const LEADER: &str = "fleet";

/// A leadership held: every leader write names it, and is void once somebody else was elected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    pub owner: Uuid,
    pub number: i64,
}

/// An owner-and-term row rather than a session lock: those break behind connection poolers.
pub struct Leaders<'a> {
    pub(crate) pool: &'a PgPool,
}

impl Leaders<'_> {
    /// Takes the leadership if nobody holds it, or renews it. `None` means somebody else leads.
    pub async fn elect(&self, owner: Uuid, ttl: Duration) -> Result<Option<Term>> {
        let number: Option<i64> = answered!(
            self.pool,
            sqlx::query_scalar(include_str!("elect_leader.sql")).bind(LEADER).bind(owner).bind(ttl.as_secs_f64()),
            fetch_optional
        );
        Ok(number.map(|number| Term { owner, number }))
    }

    /// Whether somebody leads.
    pub async fn is_led(&self) -> Result<bool> {
        let led = answered!(
            self.pool,
            sqlx::query_scalar(
                "SELECT EXISTS (SELECT 1 FROM leaders WHERE name = $1 AND expires_at > postfleet_now())",
            )
            .bind(LEADER),
            fetch_one
        );
        Ok(led)
    }

    /// Lets another take over at once.
    pub async fn resign(&self, term: Term) -> Result<()> {
        answered!(
            self.pool,
            sqlx::query("UPDATE leaders SET expires_at = postfleet_now() WHERE name = $1 AND owner = $2 AND term = $3")
                .bind(LEADER)
                .bind(term.owner)
                .bind(term.number),
            execute
        );
        Ok(())
    }
}
