//! The queue that others push to with the stock apalis-redis, and that is moved into Postgres.

use std::sync::LazyLock;

use link::Script;

use crate::{QueueError, QueueLink, Result};

static PEEK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../lua/peek_ingress.lua")));
static DROP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../lua/drop_ingress.lua")));

/// A task as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngressTask {
    pub id: String,
    /// When it is to run, in seconds since 1970, where a time was asked for.
    pub due_secs: Option<i64>,
    /// Empty where its data is gone.
    pub data: Vec<u8>,
}

impl QueueLink {
    /// The oldest tasks; they stay until they are dropped.
    pub async fn peek_ingress(&self, queue: &str, most: usize) -> Result<Vec<IngressTask>> {
        let mut call = PEEK.prepare_invoke();
        for part in ["active", "scheduled", "data"] {
            call.key(format!("{queue}:{part}"));
        }
        let parts: Vec<Vec<u8>> = call.arg(most).invoke_async(&mut self.connection()).await?;
        let read = |task: &[Vec<u8>]| -> Result<IngressTask> {
            let [id, due, data] = task else { return Err(QueueError::Unreadable) };
            let due = std::str::from_utf8(due).ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
            Ok(IngressTask {
                id: String::from_utf8_lossy(id).into_owned(),
                due_secs: (due > 0.0).then_some(due as i64),
                data: data.clone(),
            })
        };
        parts.chunks(3).map(read).collect()
    }

    /// They are in Postgres, or set aside there.
    pub async fn drop_ingress(&self, queue: &str, ids: &[String]) -> Result<()> {
        let mut call = DROP.prepare_invoke();
        for part in ["active", "scheduled", "data", "meta"] {
            call.key(format!("{queue}:{part}"));
        }
        let _: i64 = call.arg(ids).invoke_async(&mut self.connection()).await?;
        Ok(())
    }
}
