use link::Arg;
use redis::{AsyncCommands, ScanOptions};
use uuid::Uuid;

use crate::{QueueError, QueueLink, Result, scripts};

const UNLINK_BATCH: usize = 500;
const SCAN_STEP: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    Yes,
    /// Somebody began a later one.
    Ahead(i64),
}

impl QueueLink {
    /// Clears what an older generation left and begins a new one. The pulse goes first, so that every script refuses
    /// while the rest is cleared. Its buckets are empty, because nobody knows what the lost ones had given; where nothing
    /// was ever sent, they had given nothing.
    pub async fn begin_generation(&self, generation: Uuid, beat: i64, never_sent: bool) -> Result<Begun> {
        let keys = self.keys();
        let mut connection = self.connection();
        let standing: Option<String> = connection.hget(keys.pulse(), "generation").await?;
        if standing == Some(generation.simple().to_string()) {
            self.pulse().adopt(generation, beat);
            return Ok(Begun::Yes);
        }
        if let Some(ahead) = self.standing_beat().await?.filter(|standing| *standing > beat) {
            return Ok(Begun::Ahead(ahead));
        }
        let _: () = connection.del(keys.pulse()).await?;
        for pattern in keys.cleared_patterns() {
            self.unlink(&pattern).await?;
        }
        let args = [Arg::Owned(generation.simple().to_string()), Arg::Number(beat), Arg::Number(i64::from(never_sent))];
        let answer = self.invoke(&scripts::BEGIN, &[keys.pulse()], &args).await?;
        match (answer.status.as_str(), answer.beat) {
            ("ok", _) => {
                self.pulse().adopt(generation, beat + 1);
                Ok(Begun::Yes)
            }
            ("ahead", Some(beat)) => Ok(Begun::Ahead(beat)),
            _ => Err(QueueError::Unreadable),
        }
    }

    /// The beat that stands in Redis, whatever its generation.
    pub async fn standing_beat(&self) -> Result<Option<i64>> {
        Ok(self.connection().hget(self.keys().pulse(), "beat").await?)
    }

    async fn unlink(&self, pattern: &str) -> Result<()> {
        let (mut scanner, mut found) = (self.connection(), Vec::new());
        let options = ScanOptions::default().with_pattern(pattern).with_count(SCAN_STEP);
        let mut names = scanner.scan_options::<String>(options).await?;
        while let Some(name) = names.next_item().await {
            found.push(name?);
        }
        drop(names);
        let mut connection = self.connection();
        for batch in found.chunks(UNLINK_BATCH) {
            let _: () = connection.unlink(batch).await?;
        }
        Ok(())
    }
}
