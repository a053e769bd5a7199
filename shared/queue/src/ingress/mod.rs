//! The queue that others push to with the stock apalis-redis, and that is moved into Postgres.

use std::sync::LazyLock;

use link::Script;

use crate::{QueueError, QueueLink, Result};

static PEEK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../lua/peek_ingress.lua")));
static DROP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../lua/drop_ingress.lua")));

/// What one look brings at most.
const LOOK_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A task as it stands there.
#[derive(Debug, Clone, PartialEq)]
pub struct IngressTask {
    pub id: Vec<u8>,
    /// When it is to run, in seconds since 1970, where a time was asked for.
    pub due_secs: Option<f64>,
    pub data: IngressData,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IngressData {
    Here(Vec<u8>),
    /// It was not read: so many bytes.
    TooLarge(u64),
    Gone,
}

impl QueueLink {
    /// The oldest tasks, each once; they stay until they are dropped. Data beyond `largest` bytes is not read.
    pub async fn peek_ingress(&self, queue: &str, most: usize, largest: usize) -> Result<Vec<IngressTask>> {
        let mut call = PEEK.prepare_invoke();
        for part in ["active", "scheduled", "data"] {
            call.key(format!("{queue}:{part}"));
        }
        let call = call.arg(most).arg(largest).arg(LOOK_BYTES_MAX);
        let parts: Vec<Vec<u8>> = call.invoke_async(&mut self.connection()).await?;
        let number = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
        let read = |task: &[Vec<u8>]| -> Result<IngressTask> {
            let [id, due, length, data] = task else { return Err(QueueError::Unreadable) };
            let length = number(length).ok_or(QueueError::Unreadable)?;
            Ok(IngressTask {
                id: id.clone(),
                due_secs: number(due).filter(|due| *due > 0.0),
                data: if length < 0.0 {
                    IngressData::Gone
                } else if length as usize > largest {
                    IngressData::TooLarge(length as u64)
                } else {
                    IngressData::Here(data.clone())
                },
            })
        };
        parts.chunks(4).map(read).collect()
    }

    /// They are in Postgres, or set aside there.
    pub async fn drop_ingress(&self, queue: &str, ids: &[Vec<u8>]) -> Result<()> {
        let mut call = DROP.prepare_invoke();
        for part in ["active", "scheduled", "data", "meta"] {
            call.key(format!("{queue}:{part}"));
        }
        let _: i64 = call.arg(ids).invoke_async(&mut self.connection()).await?;
        Ok(())
    }
}
