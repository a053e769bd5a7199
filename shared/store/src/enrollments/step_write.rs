use chrono::{DateTime, Utc};
use domain::engine::{Effect, End, Enrollment, Stepped, TimerKind};
use domain::ids::{CampaignId, ContentId, EnrollmentId, MessageId, SenderId, TenantId};
use domain::plans::Does;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::lock_enrollments::{ACTIVE, LockedEnrollment, MailFacts};
use super::merge_data::merge_data;
use crate::plans::RunnablePlan;

/// What led to a step, for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    pub what: CauseKind,
    pub id: Option<Uuid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CauseKind {
    Timer,
    Event,
    Message,
    Request,
}

/// A step, as rows.
#[derive(Debug, Clone)]
pub struct StepWrite {
    pub(crate) enrollment: EnrollmentId,
    pub(crate) campaign: CampaignId,
    pub(crate) engine: Enrollment,
    pub(crate) timers: Vec<NewTimer>,
    pub(crate) canceled_visits: Vec<u32>,
    pub(crate) cancels_messages: bool,
    pub(crate) messages: Vec<StepMessage>,
    pub(crate) transitions: Vec<Transition>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct NewTimer {
    pub visit: u32,
    pub kind: TimerKind,
    pub due: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub(crate) struct StepMessage {
    pub id: MessageId,
    pub visit: u32,
    pub sender: SenderId,
    pub content: ContentId,
    pub run_at: DateTime<Utc>,
    pub data: Map<String, Value>,
    pub mail: MailFacts,
}

#[derive(Debug, Clone)]
pub(crate) struct Transition {
    pub visit: u32,
    pub from: String,
    pub on: &'static str,
    pub to: Option<String>,
    pub cause: Cause,
}

impl CauseKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Timer => "timer",
            Self::Event => "event",
            Self::Message => "message",
            Self::Request => "request",
        }
    }
}

impl StepWrite {
    /// `next_id` gives a message its id. A node whose sender is not known sends nothing: campaigns without one do not start.
    pub fn new(
        locked: &LockedEnrollment,
        plan: &RunnablePlan,
        stepped: Stepped,
        cause: Cause,
        mut next_id: impl FnMut() -> MessageId,
    ) -> Self {
        let node = |at: usize| plan.compiled.nodes[at].id.clone();
        let transition = |taken: &domain::engine::Taken| Transition {
            visit: taken.visit,
            from: node(taken.from),
            on: taken.on.as_str(),
            to: Some(node(taken.to)),
            cause,
        };
        let mut write = Self {
            enrollment: locked.id,
            campaign: locked.campaign,
            timers: Vec::new(),
            canceled_visits: Vec::new(),
            cancels_messages: false,
            messages: Vec::new(),
            transitions: stepped.taken.iter().map(transition).collect(),
            engine: stepped.enrollment,
        };
        for effect in stepped.effects {
            match effect {
                Effect::ScheduleMessage { visit, node, run_at } => {
                    let Does::Send { sender } = plan.compiled.nodes[node].does else { continue };
                    let (Some(sender), Some(content)) = (sender.or(locked.sender), plan.contents[node]) else {
                        continue;
                    };
                    let (data, mail) = (merge_data(locked.id, &locked.mail), locked.mail.clone());
                    write.messages.push(StepMessage { id: next_id(), visit, sender, content, run_at, data, mail });
                }
                Effect::SetTimer { visit, kind, due } => write.timers.push(NewTimer { visit, kind, due }),
                Effect::CancelTimers { visit } => write.cancel_timers(visit),
                Effect::CancelMessages => write.cancel_messages(),
                Effect::End(end) => {
                    let (visit, from) = (write.engine.visit, node(write.engine.node));
                    // Where a way led to the end, that way is what is told of the visit.
                    if !write.transitions.iter().any(|told| told.visit == visit) {
                        write.transitions.push(Transition { visit, from, on: end.as_str(), to: None, cause });
                    }
                }
            }
        }
        write
    }

    /// A further step of the same enrollment, in the same transaction.
    pub fn followed_by(mut self, later: Self) -> Self {
        later.canceled_visits.iter().for_each(|visit| self.cancel_timers(*visit));
        if later.cancels_messages {
            self.cancel_messages();
        }
        self.timers.extend(later.timers);
        self.messages.extend(later.messages);
        self.transitions.extend(later.transitions);
        self.engine = later.engine;
        self
    }

    /// Those that would only be set now are not set at all.
    fn cancel_timers(&mut self, visit: u32) {
        self.timers.retain(|timer| timer.visit != visit);
        self.canceled_visits.push(visit);
    }

    fn cancel_messages(&mut self) {
        self.messages.clear();
        self.cancels_messages = true;
    }

    /// As `enrollments.state`.
    pub(crate) fn state(&self) -> &'static str {
        self.engine.end().map_or(ACTIVE, End::as_str)
    }
}

/// One message for each enrollment, visit and channel, however often its step is tried.
pub(crate) fn dedupe_hash(tenant: TenantId, enrollment: EnrollmentId, visit: u32) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"enrollment\0email\0")
        .chain_update(tenant.uuid().as_bytes())
        .chain_update(enrollment.uuid().as_bytes())
        .chain_update(visit.to_be_bytes())
        .finalize()
        .into()
}
