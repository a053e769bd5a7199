use chrono::{DateTime, Duration, NaiveDate, Utc};
use proptest::prelude::*;

use super::{Calendar, Hours, InvalidHours, SendingWindow, Weekday, Zone};

fn zone(name: &str) -> Zone {
    name.parse().expect("a zone")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a moment")
}

fn hours(start: &str, end: &str) -> Hours {
    serde_json::from_value(serde_json::json!({ "start": start, "end": end })).expect("hours")
}

fn office(weekdays: Vec<Weekday>) -> SendingWindow {
    let Hours { start, end } = hours("09:00", "17:00");
    SendingWindow { start, end, weekdays }
}

const WORKDAYS: [Weekday; 5] = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];

#[test]
fn what_is_due_at_night_goes_in_the_morning_of_the_contacts_own_zone() {
    let calendar = Calendar::new(Some(&office(Vec::new())), None, &[]).expect("hours");
    for (name, from, to) in [
        ("Europe/Berlin", "2026-07-01T03:00:00Z", "2026-07-01T07:00:00Z"),
        ("America/New_York", "2026-07-01T03:00:00Z", "2026-07-01T13:00:00Z"),
        ("Asia/Kolkata", "2026-07-01T03:00:00Z", "2026-07-01T03:30:00Z"),
        ("Europe/Berlin", "2026-07-01T14:59:59Z", "2026-07-01T14:59:59Z"),
        ("Europe/Berlin", "2026-07-01T15:00:00Z", "2026-07-02T07:00:00Z"),
    ] {
        assert_eq!(calendar.next_open(at(from), zone(name)), at(to), "{name} {from}");
    }
}

#[test]
fn weekends_and_given_holidays_are_passed_over() {
    let christmas = [NaiveDate::from_ymd_opt(2026, 12, 25).expect("a day")];
    let calendar = Calendar::new(Some(&office(WORKDAYS.to_vec())), None, &christmas).expect("hours");
    // A Thursday evening; Friday is a holiday, and then comes the weekend.
    let next = calendar.next_open(at("2026-12-24T20:00:00Z"), zone("Europe/Berlin"));
    assert_eq!(next, at("2026-12-28T08:00:00Z"));
}

#[test]
fn quiet_hours_go_over_midnight_and_cut_the_window() {
    let calendar = Calendar::new(None, Some(hours("21:00", "08:00")), &[]).expect("hours");
    let berlin = zone("Europe/Berlin");
    assert_eq!(calendar.next_open(at("2026-01-10T20:30:00Z"), berlin), at("2026-01-11T07:00:00Z"));
    assert_eq!(calendar.next_open(at("2026-01-10T19:59:00Z"), berlin), at("2026-01-10T19:59:00Z"));
    let lunch = Calendar::new(Some(&office(Vec::new())), Some(hours("12:00", "13:00")), &[]).expect("hours");
    assert_eq!(lunch.next_open(at("2026-01-10T11:15:00Z"), berlin), at("2026-01-10T12:00:00Z"));
}

#[test]
fn hours_that_leave_no_time_are_refused() {
    let backwards =
        SendingWindow { start: hours("17:00", "09:00").start, end: hours("17:00", "09:00").end, weekdays: Vec::new() };
    assert_eq!(Calendar::new(Some(&backwards), None, &[]), Err(InvalidHours::Backwards));
    let all_quiet = Calendar::new(Some(&office(Vec::new())), Some(hours("08:00", "18:00")), &[]);
    assert_eq!(all_quiet, Err(InvalidHours::NoTimeLeft));
    assert_eq!(Calendar::new(None, Some(hours("08:00", "08:00")), &[]), Err(InvalidHours::NoTimeLeft));
}

#[test]
fn an_hour_that_does_not_exist_begins_when_the_clock_goes_on() {
    // Berlin, 29 March 2026: 02:00 to 03:00 is left out.
    let night =
        SendingWindow { start: hours("02:15", "04:00").start, end: hours("02:15", "04:00").end, weekdays: Vec::new() };
    let calendar = Calendar::new(Some(&night), None, &[]).expect("hours");
    assert_eq!(calendar.next_open(at("2026-03-29T00:00:00Z"), zone("Europe/Berlin")), at("2026-03-29T01:00:00Z"));
    // A window that lies wholly in the gap waits for the next day.
    let inside =
        SendingWindow { start: hours("02:15", "02:45").start, end: hours("02:15", "02:45").end, weekdays: Vec::new() };
    let calendar = Calendar::new(Some(&inside), None, &[]).expect("hours");
    assert_eq!(calendar.next_open(at("2026-03-29T00:00:00Z"), zone("Europe/Berlin")), at("2026-03-30T00:15:00Z"));
}

#[test]
fn an_hour_that_comes_twice_is_open_both_times_and_begins_with_the_first() {
    // Berlin, 25 October 2026: 02:00 to 03:00 comes at 00:00Z and again at 01:00Z.
    let night =
        SendingWindow { start: hours("02:30", "03:00").start, end: hours("02:30", "03:00").end, weekdays: Vec::new() };
    let calendar = Calendar::new(Some(&night), None, &[]).expect("hours");
    let berlin = zone("Europe/Berlin");
    assert_eq!(calendar.next_open(at("2026-10-24T20:00:00Z"), berlin), at("2026-10-25T00:30:00Z"));
    assert_eq!(calendar.next_open(at("2026-10-25T01:10:00Z"), berlin), at("2026-10-25T01:30:00Z"));
    assert!(
        calendar.is_open(at("2026-10-25T00:45:00Z"), berlin) && calendar.is_open(at("2026-10-25T01:45:00Z"), berlin)
    );
}

#[test]
fn a_day_that_a_zone_left_out_is_no_obstacle() {
    // Samoa had no 30 December 2011.
    let calendar = Calendar::new(Some(&office(Vec::new())), None, &[]).expect("hours");
    let next = calendar.next_open(at("2011-12-30T05:00:00Z"), zone("Pacific/Apia"));
    assert_eq!(zone("Pacific/Apia").local(next).to_string(), "2011-12-31 09:00:00");
}

const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Casablanca",
];

proptest! {
    /// Against brute force: minute by minute.
    #[test]
    fn nothing_is_sent_while_closed_nor_later_than_it_could_be(
        name in prop::sample::select(ZONES.to_vec()),
        minutes in 0i64..(6 * 366 * 24 * 60),
        window in prop::option::of((0u32..24, 1u32..=24)),
        quiet in prop::option::of((0u32..24, 0u32..24)),
        days in prop::collection::vec(prop::sample::select(WORKDAYS.to_vec()), 0..3),
    ) {
        let window = window.filter(|(from, length)| from + length <= 24).map(|(from, length)| {
            let Hours { start, end } = hours(&format!("{from:02}:00"), &format!("{:02}:00", from + length));
            SendingWindow { start, end, weekdays: days }
        });
        let quiet = quiet.map(|(from, to)| hours(&format!("{from:02}:30"), &format!("{to:02}:15")));
        let Ok(calendar) = Calendar::new(window.as_ref(), quiet, &[]) else { return Ok(()) };
        let (from, zone) = (at("2023-01-01T00:00:00Z") + Duration::minutes(minutes), zone(name));
        let next = calendar.next_open(from, zone);
        prop_assert!(next >= from);
        prop_assert!(calendar.is_open(next, zone), "{from} {next}");
        let mut before = from;
        while before < next {
            prop_assert!(!calendar.is_open(before, zone), "{from} could have gone at {before}, not at {next}");
            before += Duration::minutes(1);
        }
    }
}
