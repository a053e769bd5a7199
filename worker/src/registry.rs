//! Every kind of job there is, the pool it stands in, and its handler.

use std::sync::Arc;

use domain::jobs::SendJob;
use queue::{Delivery, Outcome};

use crate::Context;
use crate::jobs::messages::send_messages::send_messages;

/// Handles one delivery of the send queue.
pub async fn handle_send(delivery: Delivery<SendJob>, context: Arc<Context>) -> anyhow::Result<Outcome> {
    send_messages(delivery, context).await
}
