use chrono::{DateTime, Utc};
use domain::limits::{Channel, LimitBook, LimitSet, LimitTarget, Scope};
use serde::Serialize;
use store::LimitRow;
use utoipa::ToSchema;

/// What holds for a scope, and where that comes from.
#[derive(Debug, Serialize, ToSchema)]
pub struct LimitView {
    scope: Scope,
    /// The domain or sender; null for all of them.
    key: Option<String>,
    channel: Channel,
    /// Like 20/min, 1000/h, 200/h,burst=20 or 500/day; empty: it limits nothing.
    #[schema(value_type = Vec<String>, example = json!(["20/min", "1000/h"]))]
    limits: LimitSet,
    source: LimitSource,
    updated_at: Option<DateTime<Utc>>,
    updated_by: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LimitSource {
    /// Nobody set anything.
    Default,
    /// It was set for exactly this.
    Set,
    /// It was set for every domain or sender of the tenant.
    SetForAll,
}

impl LimitView {
    pub fn set(row: &LimitRow) -> Self {
        Self::of(&row.set.target, row, LimitSource::Set)
    }

    pub fn set_for_all(row: &LimitRow, asked: &LimitTarget) -> Self {
        Self::of(asked, row, LimitSource::SetForAll)
    }

    pub fn default_of(target: &LimitTarget, channel: Channel) -> Self {
        Self {
            scope: target.scope(),
            key: key(target),
            channel,
            limits: LimitBook::default_for(target.scope(), channel),
            source: LimitSource::Default,
            updated_at: None,
            updated_by: None,
        }
    }

    fn of(target: &LimitTarget, row: &LimitRow, source: LimitSource) -> Self {
        Self {
            scope: target.scope(),
            key: key(target),
            channel: row.set.channel,
            limits: row.set.limits.clone(),
            source,
            updated_at: Some(row.updated_at),
            // The fleet's limit is set by somebody else's key.
            updated_by: (*target != LimitTarget::Global).then(|| row.updated_by.clone()),
        }
    }
}

fn key(target: &LimitTarget) -> Option<String> {
    Some(target.key()).filter(|key| !key.is_empty())
}
