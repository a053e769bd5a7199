//! The shapes of answers.

mod campaign;
mod contact;
mod content;
mod enrollment;
mod key;
mod limit;
mod message;
mod pause;
mod queue;
mod sender;
mod suppression;
mod tenant;

pub use campaign::{CampaignBody, VersionBody};
pub use contact::ContactBody;
pub use content::ContentBody;
pub use enrollment::{BulkBody, EnrollmentBody, TimelineEntry};
pub use key::{KeyView, NewKeyView};
pub use limit::LimitView;
pub use message::{AcceptedView, BatchItemView, BatchRefusal, BatchView, MessageBody, MessageItem};
pub use pause::{PauseBody, PauseView};
pub use queue::QueueView;
pub use sender::SenderBody;
pub use suppression::SuppressionView;
pub use tenant::TenantBody;
