use chrono::{DateTime, Utc};
use domain::ids::ContentId;
use serde::Serialize;
use store::ContentView;
use utoipa::ToSchema;

/// A stored template.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContentBody {
    id: ContentId,
    subject: String,
    html: Option<String>,
    text: Option<String>,
    created_at: DateTime<Utc>,
}

impl From<ContentView> for ContentBody {
    fn from(stored: ContentView) -> Self {
        let content = stored.content;
        Self {
            id: stored.id,
            subject: content.subject,
            html: content.html,
            text: content.text,
            created_at: stored.created_at,
        }
    }
}
