use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};

use super::Zone;
use super::text_form::text_form;

/// A moment, or a local time that is another moment in each zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    Moment(DateTime<FixedOffset>),
    Local(NaiveDateTime),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an ISO 8601 time like 2026-12-01T09:00:00Z, or 2026-12-01T09:00:00 for the contact's own zone")]
pub struct InvalidStartAt;

const LOCAL: &str = "%Y-%m-%dT%H:%M:%S";

impl StartAt {
    pub fn moment(self, zone: Zone) -> DateTime<Utc> {
        match self {
            Self::Moment(at) => at.to_utc(),
            Self::Local(local) => zone.moment(local, DateTime::<Utc>::MIN_UTC),
        }
    }
}

impl FromStr for StartAt {
    type Err = InvalidStartAt;

    fn from_str(text: &str) -> Result<Self, InvalidStartAt> {
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Moment(at));
        }
        let local = NaiveDateTime::parse_from_str(text, LOCAL);
        local
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"))
            .map(Self::Local)
            .map_err(|_| InvalidStartAt)
    }
}

impl fmt::Display for StartAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moment(at) => f.write_str(&at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
            Self::Local(local) => write!(f, "{}", local.format(LOCAL)),
        }
    }
}

text_form!(StartAt, pattern: Some(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?$"), examples: ["2026-12-01T09:00:00Z", "2026-12-01T09:00:00"]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_an_offset_is_the_contacts_own() -> anyhow::Result<()> {
        let local: StartAt = "2026-12-01T09:00".parse()?;
        assert_eq!(local.moment("Europe/Berlin".parse()?).to_rfc3339(), "2026-12-01T08:00:00+00:00");
        assert_eq!(local.moment("America/New_York".parse()?).to_rfc3339(), "2026-12-01T14:00:00+00:00");
        let fixed: StartAt = "2026-12-01T09:00:00+02:00".parse()?;
        assert_eq!(fixed.moment("America/New_York".parse()?).to_rfc3339(), "2026-12-01T07:00:00+00:00");
        Ok(())
    }

    #[test]
    fn both_kinds_read_back_as_written() {
        for text in ["2026-12-01T09:00:00Z", "2026-12-01T09:00:00+02:00", "2026-12-01T09:00:00"] {
            assert_eq!(text.parse::<StartAt>().map(|at| at.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "2026-12-01", "tomorrow", "2026-13-01T09:00:00Z", "2026-12-01T25:00"] {
            assert_eq!(text.parse::<StartAt>(), Err(InvalidStartAt), "{text}");
        }
    }
}
