//! When a plan may send: local hours and days of a contact, through the gaps and repeats of its zone.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use serde::{Deserialize, Serialize};

use super::text_form::text_form;

/// An IANA time zone, `Europe/Berlin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(chrono_tz::Tz);

impl Zone {
    pub const UTC: Self = Self(chrono_tz::UTC);

    pub fn local(self, at: DateTime<Utc>) -> NaiveDateTime {
        at.with_timezone(&self.0).naive_local()
    }

    /// The moment of a local time, not before `least` where it comes twice. What falls into a gap is the gap's end.
    pub fn moment(self, local: NaiveDateTime, least: DateTime<Utc>) -> DateTime<Utc> {
        match self.0.from_local_datetime(&local) {
            LocalResult::Single(at) => at.to_utc(),
            LocalResult::Ambiguous(first, _) if first >= least => first.to_utc(),
            LocalResult::Ambiguous(_, second) => second.to_utc(),
            LocalResult::None => self.end_of_gap(local),
        }
    }

    fn end_of_gap(self, local: NaiveDateTime) -> DateTime<Utc> {
        // No gap is longer than a day: Samoa skipped one.
        let after = (1..=26 * 60).map(|minutes| local + TimeDelta::minutes(minutes));
        let mut there = after.filter_map(|local| self.0.from_local_datetime(&local).earliest());
        there.next().map_or_else(|| local.and_utc(), |at| at.to_utc())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an IANA time zone like Europe/Berlin")]
pub struct InvalidZone;

impl FromStr for Zone {
    type Err = InvalidZone;

    fn from_str(text: &str) -> Result<Self, InvalidZone> {
        text.parse().map(Self).map_err(|_| InvalidZone)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// From one local time to another. Quiet hours may go over midnight; a sending window may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    #[serde(with = "minutes")]
    #[schema(value_type = String, pattern = "^[0-2][0-9]:[0-5][0-9]$", example = "21:00")]
    pub start: NaiveTime,
    /// Not itself in it. `24:00` is the day's end.
    #[serde(with = "minutes")]
    #[schema(value_type = String, pattern = "^[0-2][0-9]:[0-5][0-9]$", example = "08:00")]
    pub end: NaiveTime,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendingWindow {
    #[serde(with = "minutes")]
    #[schema(value_type = String, pattern = "^[0-2][0-9]:[0-5][0-9]$", example = "09:00")]
    pub start: NaiveTime,
    /// Not itself in it. `24:00` is the day's end.
    #[serde(with = "minutes")]
    #[schema(value_type = String, pattern = "^[0-2][0-9]:[0-5][0-9]$", example = "17:00")]
    pub end: NaiveTime,
    /// Every day where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<Weekday>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Weekday {
    fn is(self, day: chrono::Weekday) -> bool {
        self as u32 == day.num_days_from_monday()
    }
}

/// Why hours leave no time to send in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHours {
    #[error("begins when it ends or later")]
    Backwards,
    #[error("leaves no minute that is not quiet")]
    NoTimeLeft,
}

/// Local hours and days in which something may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Minutes of a day, each from one to before another, in order.
    open: Vec<(u32, u32)>,
    weekdays: Vec<Weekday>,
    holidays: Vec<NaiveDate>,
}

const DAY_MINUTES: u32 = 24 * 60;
/// Days looked at for an open one: more than a year of given holidays, and then the answer is the last.
const LOOK_DAYS: u64 = 420;

impl Calendar {
    pub fn new(
        window: Option<&SendingWindow>,
        quiet: Option<Hours>,
        holidays: &[NaiveDate],
    ) -> Result<Self, InvalidHours> {
        let day = match window {
            Some(window) => (minute_of(window.start), end_minute(window.end)),
            None => (0, DAY_MINUTES),
        };
        if day.0 >= day.1 {
            return Err(InvalidHours::Backwards);
        }
        let mut open = vec![day];
        for (from, to) in quiet.map(quiet_parts).unwrap_or_default() {
            open = open.into_iter().flat_map(|part| without(part, from, to)).collect();
        }
        if open.is_empty() {
            return Err(InvalidHours::NoTimeLeft);
        }
        let weekdays = window.map(|window| window.weekdays.clone()).unwrap_or_default();
        Ok(Self { open, weekdays, holidays: holidays.to_vec() })
    }

    /// The first moment from `at` on at which it is open in that zone.
    pub fn next_open(&self, at: DateTime<Utc>, zone: Zone) -> DateTime<Utc> {
        let local = zone.local(at);
        let mut last = at;
        for ahead in 0..LOOK_DAYS {
            let Some(day) = local.date().checked_add_days(Days::new(ahead)) else { break };
            if !self.is_open_on(day) {
                continue;
            }
            let now = if ahead == 0 { minute_of(local.time()) } else { 0 };
            for (from, to) in self.open.iter().filter(|(_, to)| *to > now) {
                if ahead == 0 && *from <= now {
                    return at;
                }
                let opens = day.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::from(*from));
                last = zone.moment(opens, at).max(at);
                // A gap may have swallowed the hours of this day.
                let inside = minute_of(zone.local(last).time());
                if zone.local(last).date() == day && (*from..*to).contains(&inside) {
                    return last;
                }
            }
        }
        last
    }

    /// Whether something may be sent at that moment.
    pub fn is_open(&self, at: DateTime<Utc>, zone: Zone) -> bool {
        let local = zone.local(at);
        let now = minute_of(local.time());
        self.is_open_on(local.date()) && self.open.iter().any(|(from, to)| (*from..*to).contains(&now))
    }

    fn is_open_on(&self, day: NaiveDate) -> bool {
        let named = self.weekdays.is_empty() || self.weekdays.iter().any(|weekday| weekday.is(day.weekday()));
        named && !self.holidays.contains(&day)
    }
}

fn minute_of(time: NaiveTime) -> u32 {
    use chrono::Timelike;
    time.hour() * 60 + time.minute()
}

/// `24:00` is kept as the day's last nanosecond.
fn end_minute(time: NaiveTime) -> u32 {
    if time == DAY_END { DAY_MINUTES } else { minute_of(time) }
}

const DAY_END: NaiveTime = match NaiveTime::from_num_seconds_from_midnight_opt(86_399, 999_999_999) {
    Some(time) => time,
    None => NaiveTime::MIN,
};

fn quiet_parts(quiet: Hours) -> Vec<(u32, u32)> {
    let (from, to) = (minute_of(quiet.start), end_minute(quiet.end));
    if from < to { vec![(from, to)] } else { vec![(0, to), (from, DAY_MINUTES)] }
}

fn without((from, to): (u32, u32), cut_from: u32, cut_to: u32) -> impl Iterator<Item = (u32, u32)> {
    let parts = [(from, to.min(cut_from)), (from.max(cut_to), to)];
    parts.into_iter().filter(|(from, to)| from < to)
}

mod minutes {
    use chrono::NaiveTime;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(time: &NaiveTime, to: S) -> Result<S::Ok, S::Error> {
        if *time == super::DAY_END { to.serialize_str("24:00") } else { to.collect_str(&time.format("%H:%M")) }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<NaiveTime, D::Error> {
        let text = String::deserialize(from)?;
        let time = if text == "24:00" { Ok(super::DAY_END) } else { NaiveTime::parse_from_str(&text, "%H:%M") };
        let written = text.len() == 5;
        time.ok().filter(|_| written).ok_or_else(|| serde::de::Error::custom("expected a time of day like 09:00"))
    }
}

text_form!(Zone, pattern: None, examples: ["Europe/Berlin", "America/New_York"]);

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
