//! Cases that are worked out by hand.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::engine::End;
use crate::ids::SenderId;
use crate::limits::{Channel, LimitBook, LimitOverride, LimitTarget};
use crate::plans::{compile, parse};

const LINK: &str = "{{unsubscribe_url}}";
/// A Tuesday.
const NOON: &str = "2026-12-01T12:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a moment")
}

fn plan(nodes: Value, change: impl FnOnce(&mut Value)) -> Compiled {
    let mut plan = json!({"version": 1, "startNodeId": nodes[0]["id"], "nodes": nodes});
    change(&mut plan);
    compile(&parse(plan.to_string().as_bytes()).expect("a plan")).expect("a good plan")
}

fn blast(change: impl FnOnce(&mut Value)) -> Compiled {
    plan(json!([{"id": "blast", "action": "send", "subject": "Hello", "body": LINK}]), change)
}

fn five_nodes() -> Compiled {
    let plan = parse(include_bytes!("../plans/examples/five_nodes.json")).expect("a plan");
    compile(&plan).expect("a good plan")
}

/// No limit but these.
fn settings(contacts: u32, limits: &[(LimitTarget, &[&str])]) -> Settings {
    let plain = Settings::new(contacts, at(NOON));
    let none = LimitTarget::general(plain.tenant).map(|target| (target, &[] as &[&str]));
    let all = none.into_iter().chain(limits.iter().cloned());
    let set = all.map(|(target, texts)| LimitOverride::parse(target, Channel::Email, texts).expect("they read"));
    Settings { limits: LimitBook::new(set.collect::<Vec<_>>()), ..plain }
}

fn senders(text: &'static [&'static str]) -> [(LimitTarget, &'static [&'static str]); 1] {
    [(LimitTarget::Senders(TENANT), text)]
}

const TENANT: crate::ids::TenantId = crate::ids::TenantId(Uuid::nil());

fn run(plan: &Compiled, settings: &Settings) -> Simulation {
    simulate(plan, settings).expect("good settings")
}

fn text(simulation: &Simulation) -> Option<&str> {
    simulation.binding.as_ref().map(|binding| binding.limit.as_str())
}

fn sent(simulation: &Simulation) -> Vec<u64> {
    simulation.sends.iter().map(|day| day.sent).collect()
}

fn ends(simulation: &Simulation) -> Vec<(End, u32)> {
    simulation.ends.iter().map(|end| (end.end, end.count)).collect()
}

fn seconds_to_last(simulation: &Simulation) -> f64 {
    (simulation.days_to_last_message.expect("something left") * 86_400.0).round()
}

#[test]
fn a_hundred_at_twenty_a_minute_take_ninety_nine_times_three_seconds() {
    let simulation = run(&blast(|_| {}), &settings(100, &senders(&["20/min"])));
    assert_eq!(seconds_to_last(&simulation), 297.0);
    assert_eq!(text(&simulation), Some("sender 20/min"));
    let wait = &simulation.waits.sender;
    assert_eq!((wait.messages, wait.total_seconds, wait.max_seconds), (99, 14_850.0, 297.0));
    assert_eq!((sent(&simulation), ends(&simulation)), (vec![100], vec![(End::Completed, 100)]));
    assert_eq!(simulation.days_to_finish, simulation.days_to_last_message);
    let twelve = Settings { senders: Settings::numbered_senders(10), ..settings(100, &senders(&["20/min"])) };
    assert_eq!(seconds_to_last(&run(&blast(|_| {}), &twelve)), 27.0);
}

#[test]
fn what_the_window_cuts_off_goes_on_after_the_weekend() {
    let office = |plan: &mut Value| {
        plan["sendingWindow"] =
            json!({"start": "09:00", "end": "17:00", "weekdays": ["mon", "tue", "wed", "thu", "fri"]});
    };
    // A Friday: twenty leave in the last minute, eighty on Monday.
    let friday = Settings { start: at("2026-12-04T16:59:00Z"), ..settings(100, &senders(&["20/min"])) };
    let simulation = run(&blast(office), &friday);
    assert_eq!(sent(&simulation), [20, 0, 0, 80]);
    assert_eq!(seconds_to_last(&simulation), (64 * 3_600 + 60 + 79 * 3) as f64);
    let window = &simulation.waits.sending_window;
    assert_eq!((window.messages, window.max_seconds), (80, 64.0 * 3_600.0));
    assert_eq!(text(&simulation), Some("sender 20/min"), "the window is no limit");
    // Who is enrolled on a Saturday waits for Monday from the beginning.
    let saturday = Settings { start: at("2026-12-05T12:00:00Z"), ..settings(100, &[]) };
    let simulation = run(&blast(office), &saturday);
    assert_eq!(seconds_to_last(&simulation), 45.0 * 3_600.0);
    assert_eq!((simulation.waits.sending_window.messages, text(&simulation)), (100, None));
}

#[test]
fn contacts_are_mailed_in_the_morning_of_their_own_zone() {
    let morning = |plan: &mut Value| plan["sendingWindow"] = json!({"start": "09:00", "end": "10:00"});
    let zones = "Europe/Berlin=0.5,America/New_York=0.25".parse().expect("shares");
    let midnight = Settings { start: at("2026-12-01T00:00:00Z"), zones, ..settings(100, &[]) };
    let mut hours = std::collections::BTreeMap::new();
    run::Run::new(&blast(morning), &midnight).go(|now, _| *hours.entry(moment(now).to_rfc3339()).or_insert(0) += 1);
    let expected =
        [("08", 50), ("09", 25), ("14", 25)].map(|(hour, sent)| (format!("2026-12-01T{hour}:00:00+00:00"), sent));
    assert_eq!(hours.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_days_quota_spreads_the_rest_over_further_days() {
    let simulation = run(&blast(|_| {}), &settings(1_200, &senders(&["500/day"])));
    assert_eq!(sent(&simulation), [500, 500, 200]);
    assert_eq!(simulation.days_to_last_message, Some(1.5));
    let quota = &simulation.waits.quota;
    assert_eq!((quota.messages, quota.total_seconds), (700, (500 * 12 + 200 * 36) as f64 * 3_600.0));
    assert_eq!((text(&simulation), simulation.waits.sender.messages), (Some("sender 500/day"), 0));
}

#[test]
fn a_domain_that_many_share_binds_and_holds_nobody_else() {
    let domain = (LimitTarget::Domains(TENANT), &["200/h"] as &[&str]);
    let crowded = Settings {
        domains: "gmail.com=0.4".parse().expect("domains"),
        senders: Settings::numbered_senders(10),
        ..settings(1_000, &[domain, (LimitTarget::Senders(TENANT), &["20/min"])])
    };
    let simulation = run(&blast(|_| {}), &crowded);
    assert_eq!(text(&simulation), Some("domain gmail.com 200/h"));
    // Four hundred at one in 18 s; a token may wait 3 s for a sender's.
    let last = seconds_to_last(&simulation);
    assert!((399.0 * 18.0..399.0 * 18.0 + 30.0).contains(&last), "{last}");
    // Spread over a hundred domains of ten, it is the senders that bind: a hundred messages each, in five minutes, and
    // one more for two of a domain that fell together at the end.
    let spread = Settings { domains: "100".parse().expect("domains"), ..crowded };
    let simulation = run(&blast(|_| {}), &spread);
    assert_eq!(text(&simulation), Some("sender 20/min"));
    assert!((297.0..400.0).contains(&seconds_to_last(&simulation)), "{simulation:?}");
}

#[test]
fn whichever_limit_holds_is_named_with_its_text() {
    let own = SenderId(Uuid::from_u128(77));
    let named = |plan: &mut Value| plan["nodes"][0]["senderId"] = json!(own);
    for (target, limits, expected) in [
        (LimitTarget::Global, ["60/h"], "global 60/h"),
        (LimitTarget::Tenant(TENANT), ["60/h,burst=2"], "tenant 60/h,burst=2"),
        (LimitTarget::Tenant(TENANT), ["20/day"], "tenant 20/day"),
        (LimitTarget::Domain(TENANT, "gmail.com".into()), ["3/min"], "domain gmail.com 3/min"),
        (LimitTarget::Senders(TENANT), ["1/s"], "sender 1/s"),
        (LimitTarget::Sender(TENANT, own), ["1/min"], &format!("sender {own} 1/min")),
    ] {
        let domains = "gmail.com=1".parse().expect("domains");
        let settings = Settings { domains, ..settings(50, &[(target, &limits)]) };
        let change = |plan: &mut Value| {
            if expected.contains("snd") {
                named(plan)
            }
        };
        assert_eq!(text(&run(&blast(change), &settings)), Some(expected));
    }
    assert_eq!(text(&run(&blast(|_| {}), &settings(50, &[]))), None);
    // Two windows of one scope: the first fifty leave quickly, then the slower one holds.
    let two = settings(400, &senders(&["1/s", "100/h,burst=50"]));
    assert_eq!(text(&run(&blast(|_| {}), &two)), Some("sender 100/h,burst=50"));
}

#[test]
fn at_chances_of_0_and_1_everybody_goes_one_way() {
    let none = Behavior { mean_hours: 0.0, ..Behavior::default() };
    for (behavior, end, each) in [
        // intro and again, and nobody opened either.
        (none, End::Completed, 2),
        // intro, reminder, and no click.
        (Behavior { open: 1.0, ..none }, End::Completed, 2),
        // intro, which is opened first; reminder, which is clicked; offer.
        (Behavior { open: 1.0, click: 1.0, ..none }, End::Completed, 3),
        (Behavior { bounce: 1.0, open: 1.0, ..none }, End::Bounced, 1),
        (Behavior { unsubscribe: 1.0, ..none }, End::Unsubscribed, 1),
        (Behavior { complain: 1.0, ..none }, End::Complained, 1),
        (Behavior { convert: 1.0, ..none }, End::Converted, 1),
        (Behavior { reply: 1.0, ..none }, End::Replied, 1),
    ] {
        let simulation = run(&five_nodes(), &Settings { behavior, ..settings(200, &[]) });
        assert_eq!(ends(&simulation), [(end, 200)], "{behavior:?}");
        let messages = &simulation.messages;
        assert_eq!((messages.total, messages.per_contact_max), (200 * each, each as u32), "{behavior:?}");
        assert_eq!((messages.static_max, simulation.unfinished), (Some(4), 0));
    }
}

#[test]
fn shares_come_out_as_they_were_asked_for() {
    let behavior = Behavior { open: 0.4, click: 0.1, bounce: 0.02, ..Behavior::default() };
    let simulation = run(&five_nodes(), &Settings { behavior, ..settings(10_000, &[]) });
    let intro = &simulation.nodes[0];
    let share = |count: u64| count as f64 / 10_000.0;
    let way = |to: &str| share(intro.ways.iter().filter(|way| way.to == to).map(|way| way.count).sum());
    assert_eq!((intro.entered, intro.sent, intro.still_there), (10_000, 10_000, 0));
    // Who opens goes on to the reminder, before he may click.
    assert!((way("reminder") - 0.4 * 0.98).abs() < 0.02 && (way("again") - 0.6 * 0.98).abs() < 0.02, "{intro:?}");
    assert!((share(intro.ended.iter().map(|end| end.count).sum()) - 0.02).abs() < 0.005, "{intro:?}");
}

#[test]
fn who_bounced_is_sent_nothing_more_whatever_the_plan_says() {
    let stubborn = plan(
        json!([
            {"id": "first", "action": "send", "subject": "A", "body": LINK, "transitions": [{"on": "bounced", "to": "second"}]},
            {"id": "second", "action": "send", "subject": "B", "body": LINK, "transitions": [{"on": "opened", "to": "end"}]},
            {"id": "end", "action": "stop"},
        ]),
        |_| {},
    );
    let behavior = Behavior { bounce: 1.0, ..Behavior::default() };
    let simulation = run(&stubborn, &Settings { behavior, ..settings(50, &[]) });
    assert_eq!((simulation.messages.total, simulation.messages.suppressed), (50, 50));
    assert_eq!(ends(&simulation), [(End::Blocked, 50)]);
}

#[test]
fn what_does_not_end_in_time_is_unfinished_and_said_to_be() {
    // Ten at noon, and at the three midnights after it.
    let slow = Settings { days_max: 3, ..settings(100, &senders(&["10/day"])) };
    let simulation = run(&blast(|_| {}), &slow);
    assert_eq!((simulation.messages.total, simulation.unfinished), (40, 60));
    assert_eq!((simulation.stopped_by, simulation.days_to_finish), (Some(StoppedBy::Days), None));
    assert_eq!(simulation.nodes[0].still_there, 60);
    let short = run(&blast(|_| {}), &Settings { steps_max: 50, ..slow });
    assert_eq!(short.stopped_by, Some(StoppedBy::Steps));
    assert!(short.unfinished > 60);
}

#[test]
fn a_long_list_of_days_is_told_in_fewer_entries() {
    let simulation = run(&blast(|_| {}), &settings(700, &senders(&["1/day"])));
    assert_eq!((simulation.days_per_entry, simulation.sends.len()), (2, 350));
    assert_eq!((sent(&simulation).iter().sum::<u64>(), simulation.unfinished), (700, 0));
    let dates = [&simulation.sends[0], &simulation.sends[1]].map(|day| day.date.to_string());
    assert_eq!(dates, ["2026-12-01", "2026-12-03"]);
}

#[test]
fn limits_change_when_messages_leave_and_not_what_contacts_do() {
    let behavior = Behavior { open: 0.4, click: 0.1, bounce: 0.02, ..Behavior::default() };
    let free = run(&five_nodes(), &Settings { behavior, ..settings(500, &[]) });
    let held = run(&five_nodes(), &Settings { behavior, ..settings(500, &senders(&["30/h"])) });
    assert_eq!((free.nodes, free.ends), (held.nodes.clone(), held.ends));
    assert!(held.days_to_finish > free.days_to_finish);
}
