//! The judge. What happened outside is what the sink's own log says; our rows only have to agree with it.

use std::collections::HashMap;

use anyhow::ensure;
use domain::ids::MessageId;
use sqlx::types::Uuid;

use crate::System;

store::row! {
    /// A message as Postgres shows it.
    struct Shown {
        message_id: Uuid,
        sender_id: Uuid,
        state: String,
        attempt_id: Option<Uuid>,
        body_sha256: Option<Vec<u8>>,
        to_address: String,
        has_history: bool,
    }
}

const SHOWN: &str = "
    SELECT r.message_id, r.sender_id, r.state, r.attempt_id, r.body_sha256, m.to_address,
           EXISTS (SELECT 1 FROM message_attempts a WHERE a.message_id = r.message_id) AS has_history
    FROM message_runs r JOIN messages m ON m.id = r.message_id";

/// Twice a lease: longer than that, nobody has to wait to see what became of a dead worker's sends.
const STUCK: &str = "
    SELECT count(*) FROM message_runs r JOIN workers w ON w.id = r.worker_id
    WHERE r.state = 'committing' AND w.ended_at < postfleet_now() - interval '20 seconds'";

impl System {
    /// Judges what is so far, at any moment; answers how many messages stand in each state.
    ///
    /// O1 every message was taken at most once. O3 every accepted one was taken; every one taken is accepted, or shown as
    /// uncertain or unknown. O4 what is final was tried, unless it is suppressed or canceled, or its history says why not.
    /// O5 no sender's day counts fewer sends than there are. O6 what was taken is, byte for byte and to the address, what was
    /// committed for that message, so nobody got another tenant's. O7 nothing that a dead worker held is stuck.
    pub async fn judge(&self) -> anyhow::Result<HashMap<String, usize>> {
        let mut connection = self.database.connection().await?;
        let rows: Vec<Shown> = sqlx::query_as(SHOWN).fetch_all(&mut connection).await?;
        let shown: HashMap<String, Shown> =
            rows.into_iter().map(|row| (MessageId(row.message_id).to_string(), row)).collect();
        for (message, count) in self.sink.accepted()? {
            ensure!(count == 1, "O1: {message} was sent {count} times");
        }
        self.judge_what_was_taken(&shown)?;
        let taken = self.sink.accepted()?;
        let (mut counts, mut sent) = (HashMap::new(), HashMap::<Uuid, i64>::new());
        for (message, row) in shown {
            let tried = row.attempt_id.is_some() && row.body_sha256.is_some();
            let at_fault = match row.state.as_str() {
                "accepted" if !taken.contains_key(&message) => Some("O3: it was never taken"),
                "accepted" | "uncertain" | "unknown" if !tried => Some("O4: it was never tried"),
                "failed" | "quarantined" if !row.has_history => Some("O4: its history does not say why"),
                _ => None,
            };
            ensure!(at_fault.is_none(), "{message} is shown as {}. {}", row.state, at_fault.unwrap_or_default());
            if matches!(row.state.as_str(), "accepted" | "uncertain" | "unknown") {
                *sent.entry(row.sender_id).or_default() += 1;
            }
            *counts.entry(row.state).or_default() += 1;
        }
        let counted: Vec<(Uuid, i64)> =
            sqlx::query_as("SELECT sender_id, sum(sent)::bigint FROM daily_sends GROUP BY sender_id")
                .fetch_all(&mut connection)
                .await?;
        let counted: HashMap<Uuid, i64> = counted.into_iter().collect();
        for (sender, sent) in sent {
            let counted = counted.get(&sender).copied().unwrap_or(0);
            ensure!(counted >= sent, "O5: sender {sender} has {sent} sends, and its days count {counted}");
        }
        let stuck: i64 = sqlx::query_scalar(STUCK).fetch_one(&mut connection).await?;
        ensure!(stuck == 0, "O7: {stuck} sends of dead workers are stuck");
        Ok(counts)
    }

    /// Waits until nothing moves any more, and judges. O2: every message is final or shown as uncertain.
    pub async fn settle_and_judge(&self) -> anyhow::Result<HashMap<String, usize>> {
        self.until_settled().await;
        let counts = self.judge().await?;
        let open = ["scheduled", "queued", "committing"].iter().filter_map(|state| counts.get(*state)).sum::<usize>();
        ensure!(open == 0, "O2: {open} messages moved again after everything was settled: {counts:?}");
        Ok(counts)
    }

    fn judge_what_was_taken(&self, shown: &HashMap<String, Shown>) -> anyhow::Result<()> {
        for event in self.sink.events()?.into_iter().filter(|event| event.event == "accepted") {
            let message = event.message.unwrap_or_default();
            let row =
                shown.get(&message).ok_or_else(|| anyhow::anyhow!("{message} was taken and is no message of ours"))?;
            let state = row.state.as_str();
            ensure!(
                matches!(state, "accepted" | "uncertain" | "unknown"),
                "O3: {message} was taken and is shown as {state}"
            );
            let to = event.to.unwrap_or_default();
            ensure!(to.eq_ignore_ascii_case(&row.to_address), "O6: {message} went to somebody else");
            let committed = row.body_sha256.as_deref().map(hex::encode).unwrap_or_default();
            ensure!(
                event.sha256.contains(&committed),
                "O6: {message} was taken with another content than was committed"
            );
        }
        Ok(())
    }
}
