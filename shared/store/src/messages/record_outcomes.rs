use std::collections::HashSet;
use std::time::Duration;

use domain::ids::{AttemptId, JobId, MessageId, WorkerId};
use domain::messages::MessageState;
use uuid::Uuid;

use super::Messages;
use crate::answered::answered;
use crate::{Place, Result};

/// What must still hold of the row for the outcome to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// `queued`, and this job's.
    Job(JobId),
    /// `committing` or `uncertain`, and this attempt's. (A late acceptance also counts for `unknown`.)
    Attempt(AttemptId),
}

/// Where the row goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeState {
    Accepted,
    Failed,
    Suppressed,
    Uncertain,
    /// Due again after the delay.
    Retry(Duration),
}

impl OutcomeState {
    fn state(self) -> MessageState {
        match self {
            Self::Accepted => MessageState::Accepted,
            Self::Failed => MessageState::Failed,
            Self::Suppressed => MessageState::Suppressed,
            Self::Uncertain => MessageState::Uncertain,
            Self::Retry(_) => MessageState::Scheduled,
        }
    }
}

/// The end of one try.
#[derive(Debug, Clone)]
pub struct OutcomeRow {
    pub message: MessageId,
    /// Where its commit left it, where that is known.
    pub place: Option<Place>,
    pub expect: Expectation,
    pub state: OutcomeState,
    /// Whether it costs a try.
    pub charged: bool,
    /// One word for the history: `accepted`, `refused`, `never_sent`, `uncertain`, `suppressed` …
    pub outcome: &'static str,
    pub phase: Option<&'static str>,
    pub class: Option<&'static str>,
    pub reply: Option<String>,
    /// The address to suppress with it, lower case.
    pub suppress: Option<String>,
}

impl OutcomeRow {
    /// The provider took it, and nothing else is known.
    pub fn accepted(message: MessageId, attempt: AttemptId) -> Self {
        Self {
            message,
            place: None,
            expect: Expectation::Attempt(attempt),
            state: OutcomeState::Accepted,
            charged: true,
            outcome: "accepted",
            phase: None,
            class: None,
            reply: None,
            suppress: None,
        }
    }

    /// Nothing was sent, and it goes on as if it had been.
    pub fn pretended(message: MessageId, attempt: AttemptId) -> Self {
        Self { reply: Some("test mode: not sent".to_owned()), ..Self::accepted(message, attempt) }
    }

    /// The place and attempt of one that was accepted and has nothing else to tell.
    fn plain(&self) -> Option<(Place, Uuid)> {
        let plain = self.state == OutcomeState::Accepted
            && self.charged
            && self.class.is_none()
            && self.phase.is_none()
            && self.suppress.is_none();
        self.place.zip(attempt(self)).filter(|_| plain)
    }
}

impl Messages<'_> {
    /// Records outcomes, their history and the suppressions they bring. Answers which were recorded; the others were
    /// locked by somebody (ask again) or no longer expected (see `still_expected`).
    pub async fn record_outcomes(&self, worker: WorkerId, rows: &[OutcomeRow]) -> Result<HashSet<MessageId>> {
        let mut recorded = self.record_accepted(rows).await?;
        if recorded.len() < rows.len() {
            let others: Vec<&OutcomeRow> = rows.iter().filter(|row| !recorded.contains(&row.message)).collect();
            match self.record_any(worker, &others).await {
                Ok(these) => recorded.extend(these),
                Err(error) if recorded.is_empty() => return Err(error),
                // What is recorded is told, or it would be asked for again and be told as stale; the others are asked again.
                Err(_) => {}
            }
        }
        Ok(recorded)
    }

    async fn record_accepted(&self, rows: &[OutcomeRow]) -> Result<HashSet<MessageId>> {
        let plain: Vec<_> = rows.iter().filter_map(|row| row.plain().map(|found| (row, found))).collect();
        if plain.is_empty() {
            return Ok(HashSet::new());
        }
        let recorded: Vec<Uuid> = answered!(
            self.pool,
            sqlx::query_scalar(include_str!("record_accepted.sql"))
                .bind(plain.iter().map(|(row, _)| row.message.uuid()).collect::<Vec<_>>())
                .bind(plain.iter().map(|(_, (place, _))| *place).collect::<Vec<_>>())
                .bind(plain.iter().map(|(_, (_, attempt))| *attempt).collect::<Vec<_>>())
                .bind(plain.iter().map(|(row, _)| row.reply.as_deref()).collect::<Vec<_>>()),
            fetch_all
        );
        Ok(recorded.into_iter().map(MessageId).collect())
    }

    async fn record_any(&self, worker: WorkerId, rows: &[&OutcomeRow]) -> Result<Vec<MessageId>> {
        let delay = |row: &&OutcomeRow| match row.state {
            OutcomeState::Retry(delay) => Some(delay.as_secs_f64()),
            _ => None,
        };
        let recorded: Vec<Uuid> = answered!(
            self.pool,
            sqlx::query_scalar(include_str!("record_outcomes.sql"))
                .bind(rows.iter().map(|row| row.message.uuid()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| job(row)).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| attempt(row)).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.state.state().as_str()).collect::<Vec<_>>())
                .bind(rows.iter().map(delay).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| i16::from(row.charged)).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.outcome).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.phase).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.class).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.reply.as_deref()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.suppress.as_deref()).collect::<Vec<_>>())
                .bind(worker.uuid()),
            fetch_all
        );
        Ok(recorded.into_iter().map(MessageId).collect())
    }

    /// Which of these would still be recorded: they were only locked.
    pub async fn still_expected(&self, rows: &[OutcomeRow]) -> Result<Vec<MessageId>> {
        let expected: Vec<Uuid> = answered!(
            self.pool,
            sqlx::query_scalar(
                "SELECT r.message_id FROM message_runs r
             JOIN unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) AS a (message_id, job_id, attempt_id, state)
               ON a.message_id = r.message_id
             WHERE (r.job_id = a.job_id AND r.state = 'queued')
                OR (r.attempt_id = a.attempt_id
                    AND (r.state IN ('committing', 'uncertain') OR (r.state = 'unknown' AND a.state = 'accepted')))",
            )
            .bind(rows.iter().map(|row| row.message.uuid()).collect::<Vec<_>>())
            .bind(rows.iter().map(job).collect::<Vec<_>>())
            .bind(rows.iter().map(attempt).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.state.state().as_str()).collect::<Vec<_>>()),
            fetch_all
        );
        Ok(expected.into_iter().map(MessageId).collect())
    }
}

fn job(row: &OutcomeRow) -> Option<Uuid> {
    match row.expect {
        Expectation::Job(job) => Some(job.uuid()),
        Expectation::Attempt(_) => None,
    }
}

fn attempt(row: &OutcomeRow) -> Option<Uuid> {
    match row.expect {
        Expectation::Job(_) => None,
        Expectation::Attempt(attempt) => Some(attempt.uuid()),
    }
}
