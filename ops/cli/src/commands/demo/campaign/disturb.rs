use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::Rng;
use rand::rngs::StdRng;
use sqlx::PgConnection;

use crate::stack::Stack;

const KILLS: u32 = 4;
const EMPTIED: u32 = 2;

/// Kills workers and empties Redis, at moments that a seed chooses by how far the campaign has come.
pub struct Disturbances<'a> {
    stack: &'a Stack,
    rng: StdRng,
    /// Mails accepted at which something is done, and whether that is to kill a worker.
    moments: Vec<(i64, bool)>,
    pub killed: u32,
    pub emptied: u32,
}

impl<'a> Disturbances<'a> {
    pub fn new(stack: &'a Stack, mut rng: StdRng, contacts: u32) -> Self {
        let most = i64::from(contacts) * 3 / 2;
        let kinds = (0..KILLS).map(|_| true).chain((0..EMPTIED).map(|_| false));
        let mut moments: Vec<(i64, bool)> = kinds.map(|kill| (rng.random_range(most / 20..most), kill)).collect();
        moments.sort_unstable_by(|a, b| b.cmp(a));
        Self { stack, rng, moments, killed: 0, emptied: 0 }
    }

    pub async fn act(&mut self, connection: &mut PgConnection) -> anyhow::Result<()> {
        let accepted: i64 = sqlx::query_scalar("SELECT count(*) FROM message_runs WHERE state = 'accepted'")
            .fetch_one(&mut *connection)
            .await?;
        while self.moments.last().is_some_and(|(at, _)| *at <= accepted) {
            let Some((_, kills)) = self.moments.pop() else { break };
            if kills { self.kill(connection).await? } else { self.empty().await? }
        }
        Ok(())
    }

    async fn kill(&mut self, connection: &mut PgConnection) -> anyhow::Result<()> {
        let workers: Vec<i32> = sqlx::query_scalar("SELECT pid FROM workers WHERE ended_at IS NULL ORDER BY id")
            .fetch_all(connection)
            .await?;
        if !workers.is_empty() {
            let pid = workers[self.rng.random_range(0..workers.len())];
            if kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok() {
                self.killed += 1;
                eprintln!("killed worker {pid}");
            }
        }
        Ok(())
    }

    async fn empty(&mut self) -> anyhow::Result<()> {
        self.stack.stores.empty_redis().await?;
        self.emptied += 1;
        eprintln!("emptied Redis");
        Ok(())
    }
}
