use chrono::{DateTime, Utc};
use domain::ids::SenderId;
use domain::messages::wait::Pause;
use domain::senders::{SenderState, TlsMode};
use serde::Serialize;
use store::SenderView;
use utoipa::ToSchema;

/// A sender; its password is never shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct SenderBody {
    id: SenderId,
    address: String,
    display_name: Option<String>,
    smtp_host: String,
    smtp_port: u16,
    tls: TlsMode,
    username: Option<String>,
    max_connections: u32,
    state: SenderState,
    /// Since when it is paused, by whom and why.
    pause: Option<Pause>,
    /// Refusals in a row that were its own fault; after three it is paused.
    faults: i32,
    archived_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<SenderView> for SenderBody {
    fn from(sender: SenderView) -> Self {
        let state = sender.state();
        let account = sender.account;
        Self {
            id: account.id,
            address: account.address,
            display_name: account.display_name,
            smtp_host: account.smtp_host,
            smtp_port: account.smtp_port,
            tls: account.tls_mode,
            username: account.credentials.map(|(username, _)| username),
            max_connections: account.max_connections,
            state,
            pause: sender.pause,
            faults: sender.faults,
            archived_at: sender.archived_at,
            created_at: sender.created_at,
        }
    }
}
