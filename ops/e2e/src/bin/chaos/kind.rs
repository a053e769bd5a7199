use std::ops::Range;

use serde::Serialize;

/// Kinds of faults; `shared/faults.md` has most of them by another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    WorkerKilled,
    /// For less than a lease.
    WorkerFrozen,
    /// For longer than a lease, and than its heartbeat is waited for.
    WorkerFrozenLong,
    OrchestratorKilled,
    OrchestratorFrozen,
    ApiKilled,
    ApiFrozen,
    RedisFlushed,
    /// It comes back with its append-only file.
    RedisCrashed,
    RedisRestartedEmpty,
    RedisRolledBack,
    RedisSlow,
    RedisRepliesLost,
    RedisScriptsFlushed,
    RedisClientsKilled,
    PostgresSlow,
    PostgresRepliesLost,
    PostgresBackendsEnded,
    PostgresCrashed,
    SinkFrozen,
    SinkHangs,
    SinkAnswersLate,
    /// Answers that leave a mail's fate in doubt.
    SinkLosesAnswers,
    SinkRefuses,
    SinkThrottles,
}

/// What a fault is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Victim {
    Worker,
    Orchestrator,
    Api,
    Redis,
    Postgres,
    Sink,
}

/// By what it shows that the fleet is over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// The sink has taken a message that was in the victim's hands.
    InHand,
    /// The sink has taken a message whose content left after the fault.
    Taken,
    /// The API has accepted a message.
    Answered,
    /// A leader has raised the pulse, which takes both stores.
    Beat,
}

impl Kind {
    pub const ALL: [Self; 25] = [
        Self::WorkerKilled,
        Self::WorkerFrozen,
        Self::WorkerFrozenLong,
        Self::OrchestratorKilled,
        Self::OrchestratorFrozen,
        Self::ApiKilled,
        Self::ApiFrozen,
        Self::RedisFlushed,
        Self::RedisCrashed,
        Self::RedisRestartedEmpty,
        Self::RedisRolledBack,
        Self::RedisSlow,
        Self::RedisRepliesLost,
        Self::RedisScriptsFlushed,
        Self::RedisClientsKilled,
        Self::PostgresSlow,
        Self::PostgresRepliesLost,
        Self::PostgresBackendsEnded,
        Self::PostgresCrashed,
        Self::SinkFrozen,
        Self::SinkHangs,
        Self::SinkAnswersLate,
        Self::SinkLosesAnswers,
        Self::SinkRefuses,
        Self::SinkThrottles,
    ];

    pub fn victim(self) -> Victim {
        match self {
            Self::WorkerKilled | Self::WorkerFrozen | Self::WorkerFrozenLong => Victim::Worker,
            Self::OrchestratorKilled | Self::OrchestratorFrozen => Victim::Orchestrator,
            Self::ApiKilled | Self::ApiFrozen => Victim::Api,
            Self::PostgresSlow | Self::PostgresRepliesLost | Self::PostgresBackendsEnded | Self::PostgresCrashed => {
                Victim::Postgres
            }
            Self::SinkFrozen
            | Self::SinkHangs
            | Self::SinkAnswersLate
            | Self::SinkLosesAnswers
            | Self::SinkRefuses
            | Self::SinkThrottles => Victim::Sink,
            _ => Victim::Redis,
        }
    }

    pub fn sign(self) -> Sign {
        match self {
            Self::WorkerKilled | Self::WorkerFrozenLong => Sign::InHand,
            Self::OrchestratorKilled | Self::OrchestratorFrozen => Sign::Beat,
            Self::ApiKilled | Self::ApiFrozen => Sign::Answered,
            _ => Sign::Taken,
        }
    }

    /// Whether others can take over as soon as it has begun: then a recovery counts from there.
    pub fn counts_from_its_beginning(self) -> bool {
        matches!(
            self,
            Self::WorkerKilled | Self::WorkerFrozenLong | Self::OrchestratorKilled | Self::OrchestratorFrozen
        )
    }

    pub fn lasts_ms(self) -> Range<u64> {
        match self {
            Self::WorkerFrozen => 500..7_000,
            Self::WorkerFrozenLong => 11_500..14_000,
            Self::OrchestratorFrozen => 2_000..9_000,
            Self::WorkerKilled | Self::OrchestratorKilled | Self::ApiKilled => 100..2_500,
            Self::RedisCrashed | Self::PostgresCrashed => 100..3_000,
            Self::RedisFlushed
            | Self::RedisRestartedEmpty
            | Self::RedisScriptsFlushed
            | Self::RedisClientsKilled
            | Self::PostgresBackendsEnded => 1..2,
            _ => 1_000..5_000,
        }
    }

    /// Its name, as in the JSON.
    pub fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }
}
