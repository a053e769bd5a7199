//! Every kind of job there is, the pool it stands in, and its handler.

use std::sync::Arc;

use domain::jobs::{SendJob, TimeoutJob};
use queue::{Delivery, Outcome};

use crate::Context;
use crate::jobs::messages::send_messages::send_messages;
use crate::jobs::timers::fire_timers::fire_timers;

/// Handles one delivery of the send queue.
pub async fn handle_send(delivery: Delivery<SendJob>, context: Arc<Context>) -> anyhow::Result<Outcome> {
    send_messages(delivery, context).await
}

/// Handles one delivery of the timeout queue.
pub async fn handle_timeout(delivery: Delivery<TimeoutJob>, context: Arc<Context>) -> anyhow::Result<Outcome> {
    fire_timers(delivery, context).await
}
