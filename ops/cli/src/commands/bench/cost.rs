//! What a run costs: processor time by process, Redis's memory, and what Postgres wrote.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::task::JoinHandle;

use super::statistics::rounded;
use crate::stack::Stack;

/// The kernel counts processor time in hundredths of a second on every platform that has /proc.
const TICKS_PER_S: f64 = 100.0;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Counters at one moment; a run's cost is the difference of two.
pub struct Meter {
    cpu_s: BTreeMap<&'static str, f64>,
    wal_bytes: i64,
    transactions: i64,
}

/// Redis's memory while something runs.
pub struct RedisPeak {
    most: Arc<AtomicU64>,
    looking: JoinHandle<()>,
}

impl Meter {
    pub async fn read(stack: &Stack) -> anyhow::Result<Self> {
        let mut postgres = PgConnection::connect(&stack.stores.database_url).await?;
        let (wal_bytes, transactions, backend): (i64, i64, i32) = sqlx::query_as(
            "SELECT (pg_current_wal_lsn() - '0/0')::bigint,
                    (SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()),
                    pg_backend_pid()",
        )
        .fetch_one(&mut postgres)
        .await?;
        let workers = stack.workers.iter().filter_map(|worker| worker.process.pid()).map(cpu_of).sum();
        let cpu_s = BTreeMap::from([
            ("worker", workers),
            ("orchestrator", stack.orchestrator.pid().map_or(0.0, cpu_of)),
            ("api", stack.api.pid().map_or(0.0, cpu_of)),
            ("postgres", server_of(backend as u32).map_or(0.0, cpu_of_family)),
            ("redis", redis_cpu(&mut stack.stores.redis().await?).await?),
        ]);
        Ok(Self { cpu_s, wal_bytes, transactions })
    }

    /// From `before` to now, per 1,000 messages and per message.
    pub fn since(&self, before: &Self, messages: u64) -> Value {
        let per_1000 = |(name, now): (&&'static str, &f64)| {
            let used = now - before.cpu_s.get(name).copied().unwrap_or(0.0);
            ((*name).to_owned(), json!(rounded(used * 1_000.0 / messages as f64)))
        };
        json!({
            "cpu_s_per_1000": Value::Object(self.cpu_s.iter().map(per_1000).collect()),
            "wal_bytes_per_message": (self.wal_bytes - before.wal_bytes) as u64 / messages,
        })
    }

    /// Transactions of this database from `before` to now.
    pub fn transactions_since(&self, before: &Self) -> i64 {
        self.transactions - before.transactions
    }

    /// Processor seconds of our own processes and of both stores, from `before` to now.
    pub fn cpu_s_since(&self, before: &Self) -> BTreeMap<&'static str, f64> {
        self.cpu_s.iter().map(|(name, now)| (*name, now - before.cpu_s.get(name).copied().unwrap_or(0.0))).collect()
    }
}

impl RedisPeak {
    pub async fn watch(stack: &Stack) -> anyhow::Result<Self> {
        let mut redis = stack.stores.redis().await?;
        let most = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&most);
        let looking = tokio::spawn(async move {
            loop {
                if let Some(used) = info(&mut redis, "memory", "used_memory").await {
                    seen.fetch_max(used as u64, Ordering::Relaxed);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Ok(Self { most, looking })
    }

    /// The most it held so far, in bytes.
    pub fn bytes(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

impl Drop for RedisPeak {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

async fn redis_cpu(redis: &mut MultiplexedConnection) -> anyhow::Result<f64> {
    let user = info(redis, "cpu", "used_cpu_user").await.unwrap_or(0.0);
    Ok(user + info(redis, "cpu", "used_cpu_sys").await.unwrap_or(0.0))
}

async fn info(redis: &mut MultiplexedConnection, section: &str, field: &str) -> Option<f64> {
    let text: String = redis::cmd("INFO").arg(section).query_async(redis).await.ok()?;
    text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')?.trim().parse().ok())
}

/// Processor seconds a process has used; 0 where there is no /proc to read it from.
fn cpu_of(pid: u32) -> f64 {
    fields(pid).map_or(0.0, |fields| ticks(&fields, &[USER, SYSTEM]) / TICKS_PER_S)
}

/// A server with all its children, those that have ended too.
fn cpu_of_family(server: u32) -> f64 {
    let own = fields(server).map_or(0.0, |fields| ticks(&fields, &[USER, SYSTEM, ENDED_USER, ENDED_SYSTEM]));
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children = pids.filter_map(fields).filter(|fields| fields.get(PARENT) == Some(&server.to_string()));
    (own + children.map(|fields| ticks(&fields, &[USER, SYSTEM])).sum::<f64>()) / TICKS_PER_S
}

fn server_of(backend: u32) -> Option<u32> {
    fields(backend)?.get(PARENT)?.parse().ok()
}

/// Places in what follows the name in /proc/…/stat.
const PARENT: usize = 1;
const USER: usize = 11;
const SYSTEM: usize = 12;
const ENDED_USER: usize = 13;
const ENDED_SYSTEM: usize = 14;

fn fields(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

fn ticks(fields: &[String], places: &[usize]) -> f64 {
    places.iter().filter_map(|place| fields.get(*place)?.parse::<f64>().ok()).sum()
}
