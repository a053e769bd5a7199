//! Messages and their runs.

mod cancel_matching;
mod cancel_message;
mod commit_attempts;
mod due_rows;
mod enqueue_messages;
mod expire_commits;
mod feed_rows;
mod find_message;
mod hand_back;
mod list_messages;
mod load_for_send;
mod move_to_rooms;
mod queue_status;
mod recall_queued;
mod record_outcomes;
mod repair_failed;
mod rescue_messages;
mod resolve_by_hand;
mod resolve_uncertain;
mod room_rows;
mod wait_facts;

pub use cancel_matching::{CancelFilter, CanceledPage};
pub use cancel_message::CancelAnswer;
pub use commit_attempts::{AttemptClaim, COMMIT_BATCH_MAX};
pub use due_rows::{DueLane, DueRow, LaneLook};
pub use enqueue_messages::{EnqueueRow, Enqueued};
pub use expire_commits::UncertainCause;
pub use feed_rows::FedRow;
pub use find_message::{AttemptView, MessageView};
pub use hand_back::HandedBack;
pub use list_messages::{MessageFilter, MessagePage, MessageSummary};
pub use load_for_send::{ContentRow, LoadedRow, PlanHours};
pub use queue_status::{QueueCounts, QueueStatus};
pub use record_outcomes::{Expectation, OutcomeRow, OutcomeState};
pub use repair_failed::{FailedFilter, RepairedPage};
pub use resolve_by_hand::HandAnswer;
pub use resolve_uncertain::UncertainRow;
pub use wait_facts::WaitRow;

use domain::messages::MessageState;
use sqlx::PgPool;

use crate::repeating_tenants::RepeatingTenants;
use crate::{Result, StoreError};

pub struct Messages<'a> {
    pub(crate) pool: &'a PgPool,
    pub(crate) repeating: &'a RepeatingTenants,
}

fn parse_state(text: &str) -> Result<MessageState> {
    MessageState::parse(text).ok_or(StoreError::Unreadable { noun: "message_runs", column: "state" })
}
