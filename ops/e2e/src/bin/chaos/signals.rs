//! What shows that the fleet works: when the sink took which message, when the API accepted one, when the pulse rose.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use testkit::SinkEvent;

#[derive(Clone, Default)]
pub struct Signals(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    taken: Vec<Instant>,
    taken_first: HashMap<String, Instant>,
    answered: Vec<Instant>,
    beats: Vec<Instant>,
}

const LOOK_EVERY: Duration = Duration::from_millis(20);
const ASK_EVERY: Duration = Duration::from_millis(200);

impl Signals {
    pub fn watch(sink_log: &Path, database_url: &str) -> Self {
        let signals = Self::default();
        tokio::spawn(follow_log(signals.clone(), sink_log.to_owned()));
        tokio::spawn(follow_pulse(signals.clone(), database_url.to_owned()));
        signals
    }

    pub fn answered(&self, messages: usize) {
        self.seen().answered.extend(std::iter::repeat_n(Instant::now(), messages));
    }

    pub fn count_answered(&self) -> usize {
        self.seen().answered.len()
    }

    pub fn count_taken(&self) -> usize {
        self.seen().taken.len()
    }

    pub fn taken_since(&self, from: Instant) -> Option<Instant> {
        first(&self.seen().taken, from)
    }

    /// When the first of these was taken, from then on.
    pub fn any_taken_since(&self, messages: &HashSet<String>, from: Instant) -> Option<Instant> {
        let seen = self.seen();
        let taken = messages.iter().filter_map(|message| seen.taken_first.get(message).copied());
        taken.filter(|at| *at >= from).min()
    }

    pub fn answered_since(&self, from: Instant) -> Option<Instant> {
        first(&self.seen().answered, from)
    }

    pub fn beat_since(&self, from: Instant) -> Option<Instant> {
        first(&self.seen().beats, from)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn first(instants: &[Instant], from: Instant) -> Option<Instant> {
    instants.get(instants.partition_point(|at| *at < from)).copied()
}

async fn follow_log(signals: Signals, log: PathBuf) -> anyhow::Result<()> {
    let (mut file, mut read, mut rest) = (File::open(log)?, 0, String::new());
    loop {
        file.seek(SeekFrom::Start(read))?;
        read += file.read_to_string(&mut rest)? as u64;
        let whole = rest.rfind('\n').map_or(0, |end| end + 1);
        let (lines, now) = (rest.drain(..whole).collect::<String>(), Instant::now());
        for event in lines.lines().filter_map(|line| serde_json::from_str::<SinkEvent>(line).ok()) {
            if event.event == "accepted" {
                let mut seen = signals.seen();
                seen.taken.push(now);
                seen.taken_first.entry(event.message.unwrap_or_default()).or_insert(now);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// While Postgres is away there is no pulse to be seen.
async fn follow_pulse(signals: Signals, database_url: String) {
    let (mut connection, mut last) = (None, 0);
    loop {
        if connection.is_none() {
            connection = PgConnection::connect(&database_url).await.ok();
        }
        if let Some(asked) = &mut connection {
            match sqlx::query_scalar::<_, i64>("SELECT beat FROM fleet").fetch_one(asked).await {
                Ok(beat) if beat > last => {
                    last = beat;
                    signals.seen().beats.push(Instant::now());
                }
                Ok(_) => {}
                Err(_) => connection = None,
            }
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}
