use std::io::IsTerminal;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

use super::tail::Tail;
use crate::stack::Stack;

/// Looks at the load while it runs, and shows how far it is.
pub struct Watch {
    pub tail: Tail,
    connection: PgConnection,
    messages: u32,
    first_taken: Option<Instant>,
    last_taken: Option<(u64, Instant)>,
    shown: Instant,
}

/// How many rows stand where.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub all: i64,
    pub queued: i64,
    pub unsettled: i64,
}

const LOOK_EVERY: Duration = Duration::from_millis(10);
const SHOW_EVERY: Duration = Duration::from_millis(500);

impl Watch {
    pub async fn start(stack: &Stack, messages: u32) -> anyhow::Result<Self> {
        Ok(Self {
            tail: Tail::open(&stack.sink.log_file())?,
            connection: PgConnection::connect(&stack.stores.database_url).await?,
            messages,
            first_taken: None,
            last_taken: None,
            shown: Instant::now(),
        })
    }

    pub async fn counts(&mut self) -> anyhow::Result<Counts> {
        let (all, queued, unsettled) = sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE state = 'queued'),
                    count(*) FILTER (WHERE state IN ('scheduled', 'queued', 'committing'))
             FROM message_runs",
        )
        .fetch_one(&mut self.connection)
        .await?;
        Ok(Counts { all, queued, unsettled })
    }

    /// One look at the sink's log, shown now and then.
    pub async fn look(&mut self) -> anyhow::Result<u64> {
        let taken = self.tail.update()?;
        let now = Instant::now();
        if taken > 0 && self.first_taken.is_none() {
            self.first_taken = Some(now);
        }
        if self.last_taken.is_none_or(|(before, _)| taken > before) {
            self.last_taken = Some((taken, now));
        }
        if self.shown.elapsed() > SHOW_EVERY {
            self.shown = now;
            let line =
                format!("{taken:>7} of {} taken by the sink, {:.0} a second", self.messages, self.tail.per_second());
            if std::io::stderr().is_terminal() { eprint!("\r{line}   ") } else { eprintln!("{line}") }
        }
        tokio::time::sleep(LOOK_EVERY).await;
        Ok(taken)
    }

    /// Waits until the sink has taken so many.
    pub async fn until_taken(&mut self, wanted: u64) -> anyhow::Result<()> {
        while self.look().await? < wanted {}
        Ok(())
    }

    /// Waits until every row is final or shown as uncertain.
    pub async fn until_settled(&mut self, patience: Duration) -> anyhow::Result<()> {
        let since = Instant::now();
        while since.elapsed() < patience {
            self.look().await?;
            let counts = self.counts().await?;
            if counts.unsettled == 0 && counts.all >= i64::from(self.messages) {
                eprintln!();
                return Ok(());
            }
        }
        eprintln!("\ngave up waiting: {:?}", self.counts().await?);
        Ok(())
    }

    pub fn sending_secs(&self) -> f64 {
        match (self.first_taken, self.last_taken) {
            (Some(first), Some((_, last))) => (last - first).as_secs_f64().max(0.001),
            _ => 0.001,
        }
    }
}
