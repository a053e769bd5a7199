use axum::body::Body;
use domain::messages::wait::Pause;
use serde::{Deserialize, Serialize};
use store::{PauseAnswer, ResumeAnswer};
use utoipa::ToSchema;

use crate::ApiError;
use crate::extract::{parse_or, read_body};
use crate::pausing::pause_reason;

const BODY_MAX_BYTES: usize = 4 * 1024;

/// Why something is paused; an empty body gives no reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the link is wrong"}))]
pub struct PauseBody {
    /// 1 to 200 characters on one line.
    #[serde(default = "no_reason")]
    pub reason: String,
}

fn no_reason() -> String {
    "no reason given".to_owned()
}

impl PauseBody {
    pub async fn read(body: Body) -> Result<Self, ApiError> {
        let bytes = read_body(body, BODY_MAX_BYTES, "a pause has at most 4 KiB").await?;
        let read = parse_or(&bytes, Self { reason: no_reason() })?;
        let reason = pause_reason(&read.reason).map_err(|problem| ApiError::invalid_field("reason", problem))?;
        Ok(Self { reason })
    }
}

/// Whether something is paused, since when, by whom and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct PauseView {
    paused: Option<Pause>,
    /// Whether this call changed it.
    changed: bool,
}

impl PauseView {
    pub fn paused(answer: PauseAnswer) -> Option<Self> {
        match answer {
            PauseAnswer::Paused(pause) => Some(Self { paused: Some(pause), changed: true }),
            PauseAnswer::Already(pause) => Some(Self { paused: Some(pause), changed: false }),
            PauseAnswer::Missing => None,
        }
    }

    /// `Ok(None)`: there is no such thing.
    pub fn resumed(answer: ResumeAnswer) -> Result<Option<Self>, ApiError> {
        match answer {
            ResumeAnswer::Resumed => Ok(Some(Self { paused: None, changed: true })),
            ResumeAnswer::WasNotPaused => Ok(Some(Self { paused: None, changed: false })),
            ResumeAnswer::Operators => Err(ApiError::forbidden("an operator paused it, and has to let it go on")),
            ResumeAnswer::Missing => Ok(None),
        }
    }
}
