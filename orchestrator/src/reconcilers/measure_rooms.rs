use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(15);
/// Rows counted at most: the measure stays cheap however much waits.
const ROWS_MAX: i64 = 500_000;
/// Tenants shown by name; all others are one.
const TENANTS_SHOWN: usize = 10;

/// Measures the waiting rooms of recipient domains, for `postfleet_waiting_room_rows`.
pub struct MeasureRooms {
    parts: Parts,
    shown: Mutex<HashSet<String>>,
}

impl MeasureRooms {
    pub fn new(parts: Parts) -> Self {
        Self { parts, shown: Mutex::default() }
    }
}

#[async_trait]
impl Reconciler for MeasureRooms {
    fn name(&self) -> &'static str {
        "measure_rooms"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        if self.parts.leadership.term().is_none() {
            return Ok(Report::default());
        }
        let rows = self.parts.store.messages().room_rows_all_tenants(ROWS_MAX).await?;
        let (top, others) = rows.split_at(rows.len().min(TENANTS_SHOWN));
        let mut depths: Vec<(String, u64)> = top.iter().map(|(tenant, rows)| (tenant.to_string(), *rows)).collect();
        depths.push(("other".to_owned(), others.iter().map(|(_, rows)| rows).sum()));
        let mut shown = self.shown.lock().await;
        for (tenant, rows) in &depths {
            metrics::gauge!("postfleet_waiting_room_rows", "tenant" => tenant.clone()).set(*rows as f64);
        }
        let now: HashSet<String> = depths.into_iter().map(|(tenant, _)| tenant).collect();
        for gone in shown.difference(&now) {
            metrics::gauge!("postfleet_waiting_room_rows", "tenant" => gone.clone()).set(0.0);
        }
        *shown = now;
        Ok(Report::default())
    }
}
