//! Why a message is not sent yet. Facts in, one answer out.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::MessageState;
use super::resolve_uncertain::{Resolution, UncertainFacts, resolve_uncertain};
use crate::ids::{JobId, WorkerId};
use crate::limits::{LimitRefusal, RefusedBy};

/// Somebody stopped it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Pause {
    pub since: DateTime<Utc>,
    pub by: String,
    pub reason: String,
}

/// What Postgres knows of a message that has not left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitFacts {
    pub now: DateTime<Utc>,
    pub state: MessageState,
    pub run_at: DateTime<Utc>,
    pub tries: u32,
    pub last_class: Option<String>,
    pub last_error: Option<String>,
    pub last_refused_at: Option<DateTime<Utc>>,
    pub queued_at: Option<DateTime<Utc>>,
    pub job: Option<JobId>,
    pub worker: Option<WorkerId>,
    pub committed_at: Option<DateTime<Utc>>,
    pub commit_deadline: Option<DateTime<Utc>>,
    pub uncertain_at: Option<DateTime<Utc>>,
    pub uncertain_cause: Option<String>,
    /// For the resolution, where an answer was lost.
    pub uncertain: Option<UncertainFacts>,
    pub fleet_halt: Option<Pause>,
    pub tenant_pause: Option<Pause>,
    pub sender_pause: Option<Pause>,
    pub campaign_pause: Option<Pause>,
    /// Where it is a campaign's.
    pub campaign: Option<String>,
    pub sender: String,
    pub tenant: String,
}

/// Who has its job, as Redis knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobPlace {
    Ready {
        pool: String,
    },
    Held {
        pool: String,
        worker: WorkerId,
    },
    /// Not there: the rescue returns its rows within seconds.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitsOn {
    /// Sending is halted for the whole fleet.
    FleetHalt,
    TenantPause,
    SenderPause,
    CampaignPause,
    /// The time it was asked for.
    SendAt,
    /// Its next try.
    Retry,
    /// A limit.
    Limit,
    /// Nothing but its turn: others of its sender or tenant go first.
    Turn,
    /// A worker, in its pool.
    Worker,
    /// A worker has it: before the point of no return.
    Preparing,
    /// The provider's answer.
    Answer,
    /// What becomes of a lost answer.
    Resolution,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Waiting {
    pub on: WaitsOn,
    /// Which one: a bucket, a sender, a pool, a worker.
    pub key: Option<String>,
    /// When it ends at the latest, as far as anybody knows.
    pub until: Option<DateTime<Utc>>,
    pub since: DateTime<Utc>,
    /// The same as a sentence.
    pub because: String,
}

/// `None`: it waits for nothing any more. `refusal` is the bucket that would make it wait longest, and `place` where
/// its job is; whoever could not ask Redis passes none.
pub fn waiting(facts: &WaitFacts, refusal: Option<&LimitRefusal>, place: Option<&JobPlace>) -> Option<Waiting> {
    match facts.state {
        MessageState::Scheduled => Some(scheduled(facts, refusal)),
        MessageState::Queued => Some(paused(facts).unwrap_or_else(|| queued(facts, place))),
        MessageState::Committing => Some(committing(facts)),
        MessageState::Uncertain => Some(uncertain(facts)),
        _ => None,
    }
}

fn scheduled(facts: &WaitFacts, refusal: Option<&LimitRefusal>) -> Waiting {
    if let Some(paused) = paused(facts) {
        return paused;
    }
    let due = facts.run_at <= facts.now;
    let class = facts.last_class.as_deref().unwrap_or("unknown");
    match (due, facts.last_refused_at) {
        (false, Some(at)) => {
            let answer = facts.last_error.as_deref().unwrap_or(class);
            let because = format!("retry {} after {class} at {}: {answer}", facts.tries + 1, time(at));
            return Waiting {
                on: WaitsOn::Retry,
                key: Some(class.to_owned()),
                until: Some(facts.run_at),
                since: at,
                because,
            };
        }
        (false, None) => {
            let because = format!("due at {}", time(facts.run_at));
            return Waiting { on: WaitsOn::SendAt, key: None, until: Some(facts.run_at), since: facts.now, because };
        }
        (true, _) => {}
    }
    match refusal {
        Some(refusal) => limited(facts, refusal),
        None => Waiting {
            on: WaitsOn::Turn,
            key: Some(facts.sender.clone()),
            until: None,
            since: facts.run_at,
            because: format!("due since {}; its limits allow it, and others go first", time(facts.run_at)),
        },
    }
}

fn limited(facts: &WaitFacts, refusal: &LimitRefusal) -> Waiting {
    let until = facts.now + TimeDelta::from_std(refusal.wait).unwrap_or(TimeDelta::MAX);
    let scope = refusal.bucket.scope().as_str();
    let name = refusal.bucket.name();
    let key = name.as_ref().map_or_else(|| scope.to_owned(), |name| format!("{scope}:{name}"));
    let whose = name.map_or_else(|| "the whole fleet".to_owned(), |name| format!("{scope} {name}"));
    let because = match refusal.why {
        RefusedBy::Rate => format!("the rate limit of {whose} has its next token in {}", span(refusal)),
        RefusedBy::Quota => format!("the day's quota of {whose} is used up; it begins anew in {}", span(refusal)),
        RefusedBy::Pushback => format!("the provider asked {whose} to slow down; it goes on in {}", span(refusal)),
        RefusedBy::Unknown => format!("the day's quota of {whose} is being counted"),
    };
    Waiting { on: WaitsOn::Limit, key: Some(key), until: Some(until), since: facts.run_at, because }
}

fn paused(facts: &WaitFacts) -> Option<Waiting> {
    let (on, key, what, pause) = if let Some(halt) = &facts.fleet_halt {
        (WaitsOn::FleetHalt, None, "sending is halted".to_owned(), halt)
    } else if let Some(pause) = &facts.tenant_pause {
        (WaitsOn::TenantPause, Some(&facts.tenant), "the tenant is paused".to_owned(), pause)
    } else if let Some(pause) = &facts.sender_pause {
        (WaitsOn::SenderPause, Some(&facts.sender), "the sender is paused".to_owned(), pause)
    } else {
        let pause = facts.campaign_pause.as_ref()?;
        (WaitsOn::CampaignPause, facts.campaign.as_ref(), "the campaign is paused".to_owned(), pause)
    };
    let because = format!("{what} since {} by {}: {}", time(pause.since), pause.by, pause.reason);
    Some(Waiting { on, key: key.cloned(), until: None, since: pause.since, because })
}

fn queued(facts: &WaitFacts, place: Option<&JobPlace>) -> Waiting {
    let since = facts.queued_at.unwrap_or(facts.run_at);
    let at = time(since);
    let (on, key, because) = match place {
        Some(JobPlace::Held { pool, worker }) => (
            WaitsOn::Preparing,
            Some(worker.to_string()),
            format!("worker {worker} of pool {pool} has it and prepares it: render, connect, envelope"),
        ),
        Some(JobPlace::Ready { pool }) => {
            (WaitsOn::Worker, Some(pool.clone()), format!("queued since {at} in pool {pool}"))
        }
        Some(JobPlace::Gone) => {
            (WaitsOn::Turn, None, format!("queued since {at}; its job was lost with Redis and is due again in seconds"))
        }
        None => (WaitsOn::Worker, None, format!("queued since {at}")),
    };
    Waiting { on, key, until: None, since, because }
}

fn committing(facts: &WaitFacts) -> Waiting {
    let since = facts.committed_at.unwrap_or(facts.now);
    let worker = facts.worker.map(|worker| worker.to_string());
    let by = worker.as_deref().unwrap_or("a worker");
    let because = format!("worker {by} is past the point of no return since {} and waits for the answer", time(since));
    Waiting { on: WaitsOn::Answer, key: worker, until: facts.commit_deadline, since, because }
}

fn uncertain(facts: &WaitFacts) -> Waiting {
    let since = facts.uncertain_at.unwrap_or(facts.now);
    let cause = facts.uncertain_cause.as_deref().unwrap_or("answer_lost");
    let resolution =
        facts.uncertain.as_ref().map(|uncertain| (resolve_uncertain(uncertain, facts.now), uncertain.resent));
    let policy = facts.uncertain.as_ref().map(|uncertain| uncertain.policy.as_str());
    let (key, until, by) = match resolution {
        Some((Resolution::WaitUntil(at), false)) if policy == Some("resend") => {
            ("resend", Some(at), format!("its tenant's policy sends it once more at {}", time(at)))
        }
        Some((Resolution::WaitUntil(at), _)) => {
            ("event", Some(at), format!("an event of the provider, or `unknown` at {}", time(at)))
        }
        Some((Resolution::Resend, _)) => ("resend", None, "its tenant's policy sends it once more now".to_owned()),
        Some((Resolution::Unknown, _)) | None => ("horizon", None, "`unknown` now".to_owned()),
    };
    let because = format!("uncertain since {} ({cause}); to be resolved by {by}", time(since));
    Waiting { on: WaitsOn::Resolution, key: Some(key.to_owned()), until, since, because }
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn span(refusal: &LimitRefusal) -> String {
    let secs = refusal.wait.as_secs_f64();
    match secs {
        ..=120.0 => format!("{secs:.1} s"),
        ..=7_200.0 => format!("{:.0} min", secs / 60.0),
        _ => format!("{:.1} h", secs / 3_600.0),
    }
}

#[cfg(test)]
#[path = "wait_tests.rs"]
mod tests;
