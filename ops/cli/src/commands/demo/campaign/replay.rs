//! What the pure engine says should have come of each enrollment, from what it was told and when.

use std::collections::HashMap;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use domain::engine::{Enrollment, Event, begin, step};
use domain::events::EventKind;
use domain::ids::MessageId;
use domain::messages::MessageState;
use domain::messages::refusal::blames_address;
use domain::plans::{Compiled, compile, parse};
use domain::timers::{FiredKind, TimerDecision, TimerFacts, decide_timer};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::stack::Stack;

/// Two transactions of one enrollment that began within this of each other may have had its lock in either order.
const CLOSE: TimeDelta = TimeDelta::seconds(2);

#[derive(Debug, Default)]
pub struct Judged {
    pub messages: usize,
    pub uncertain: usize,
    /// Enrollments that stand elsewhere than the engine says.
    pub mismatches: usize,
    /// Messages neither final nor shown as uncertain, and accepted ones that the sink never took.
    pub lost: usize,
    pub duplicates: usize,
}

struct Told {
    at: DateTime<Utc>,
    event: Event,
}

pub async fn judge(stack: &Stack, connection: &mut PgConnection) -> anyhow::Result<Judged> {
    let plan: String = sqlx::query_scalar("SELECT plan FROM plans").fetch_one(&mut *connection).await?;
    let plan = parse(plan.as_bytes()).context("a plan")?;
    let plan = compile(&plan).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let mut told = told(connection).await?;
    let rows: Vec<(Uuid, DateTime<Utc>, Value)> =
        sqlx::query_as("SELECT id, created_at, engine FROM enrollments").fetch_all(&mut *connection).await?;
    let mut judged = Judged::default();
    for (id, created_at, engine) in rows {
        let stands: Enrollment = serde_json::from_value(engine)?;
        let mut log = told.remove(&id).unwrap_or_default();
        log.sort_by_key(|told| told.at);
        if !agrees(&plan, created_at, &log, &stands) {
            judged.mismatches += 1;
            eprintln!("enrollment {id} stands at node {} in {:?}, and should not", stands.node, stands.phase);
        }
    }
    let states: Vec<(Uuid, String)> =
        sqlx::query_as("SELECT message_id, state FROM message_runs").fetch_all(connection).await?;
    let taken = stack.sink.accepted()?;
    judged.messages = states.len();
    judged.duplicates = taken.values().filter(|count| **count > 1).count();
    for (id, state) in states {
        let was_taken = taken.contains_key(&MessageId(id).to_string());
        judged.uncertain += usize::from(state == "uncertain");
        judged.lost += usize::from(match state.as_str() {
            "accepted" => !was_taken,
            "scheduled" | "queued" | "committing" => true,
            "canceled" | "suppressed" => was_taken,
            _ => false,
        });
    }
    Ok(judged)
}

/// In the order of the transactions' beginnings, or with neighbours that were close to each other exchanged.
fn agrees(plan: &Compiled, created_at: DateTime<Utc>, log: &[Told], stands: &Enrollment) -> bool {
    let run = |order: &[usize]| {
        let begun = begin(plan, None, 1, created_at).enrollment;
        order.iter().fold(begun, |engine, at| step(plan, engine, &log[*at].event, log[*at].at).enrollment)
    };
    let order: Vec<usize> = (0..log.len()).collect();
    let mut tried = vec![order.clone()];
    for at in 1..log.len() {
        if log[at].at - log[at - 1].at <= CLOSE {
            let exchanged = tried.iter().map(|order| {
                let mut order = order.clone();
                order.swap(at - 1, at);
                order
            });
            tried.extend(exchanged.collect::<Vec<_>>());
        }
        if tried.len() > 512 {
            break;
        }
    }
    tried.iter().any(|order| run(order) == *stands)
}

/// Everything that every enrollment was told, with the time of the transaction that told it.
async fn told(connection: &mut PgConnection) -> anyhow::Result<HashMap<Uuid, Vec<Told>>> {
    let mut told: HashMap<Uuid, Vec<Told>> = HashMap::new();
    type Timer = (Uuid, i32, String, DateTime<Utc>, DateTime<Utc>, Option<String>, Option<String>);
    let timers: Vec<Timer> = sqlx::query_as(
        "SELECT t.enrollment_id, t.visit, t.kind, t.due, t.finished_at, r.state, r.last_class
         FROM timers t
         LEFT JOIN messages m ON m.enrollment_id = t.enrollment_id AND m.visit = t.visit
         LEFT JOIN message_runs r ON r.message_id = m.id
         WHERE t.state = 'done'",
    )
    .fetch_all(&mut *connection)
    .await?;
    for (enrollment, visit, kind, due, at, state, class) in timers {
        let facts = TimerFacts {
            kind: FiredKind::parse(&kind).context("a kind")?,
            visit: u32::try_from(visit)?,
            due,
            message: state.as_deref().and_then(MessageState::parse),
            address_refused: class.as_deref().is_some_and(blames_address),
            news_unread: false,
            node_denies: false,
            now: at,
        };
        if let TimerDecision::Tell(event) = decide_timer(&facts) {
            told.entry(enrollment).or_default().push(Told { at, event });
        }
    }
    type Row = (Uuid, String, DateTime<Utc>, DateTime<Utc>, Option<i32>);
    let events: Vec<Row> = sqlx::query_as(
        "SELECT e.enrollment_id, e.type, e.occurred_at, e.received_at, m.visit
         FROM message_events e JOIN messages m ON m.tenant_id = e.tenant_id AND m.id = e.message_id
         WHERE e.enrollment_id IS NOT NULL",
    )
    .fetch_all(&mut *connection)
    .await?;
    for (enrollment, kind, occurred_at, at, visit) in events {
        let kind = EventKind::parse(&kind).context("a kind of event")?;
        let Some(what) = kind.plan_event() else { continue };
        let event = match visit {
            Some(visit) if kind.is_of_message() => {
                Event::Message { visit: u32::try_from(visit)?, what, at: occurred_at }
            }
            _ => Event::Contact { what, at: occurred_at },
        };
        told.entry(enrollment).or_default().push(Told { at, event });
    }
    Ok(told)
}
