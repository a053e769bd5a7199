use std::str::FromStr;

use chrono::{DateTime, Datelike, Utc};
use uuid::Uuid;

use super::random::Random;
use super::{Behavior, InvalidShares, Shares};
use crate::address::is_host_name;
use crate::ids::{SenderId, TenantId};
use crate::limits::LimitBook;
use crate::plans::Zone;
use crate::problems::{FieldProblem, Problems};

/// Most contacts that are simulated. Each takes up to half a kilobyte (measured: 0.28 to 0.45).
pub const CONTACTS_MAX: u32 = 1_000_000;
pub const SENDERS_MAX: u32 = 10_000;
/// Longest that time runs: what has not ended then is unfinished.
pub const DAYS_MAX: u32 = 2 * 366;
/// Most things that happen in one simulation.
pub const STEPS_MAX: u64 = 500_000_000;
const DOMAINS_MAX: u32 = 100_000;
const MEAN_HOURS_MAX: f64 = 24.0 * 366.0;
/// Contacts of a domain that has no name here.
const SMALL_DOMAIN: u32 = 10;

/// Everything that a simulation depends on, beside the plan: the same settings give the same answer, everywhere.
#[derive(Debug, Clone)]
pub struct Settings {
    pub contacts: u32,
    /// When all contacts are enrolled.
    pub start: DateTime<Utc>,
    pub seed: u64,
    pub behavior: Behavior,
    /// Whose limits hold.
    pub tenant: TenantId,
    /// Contacts are shared among them evenly, and each stays with its own. A node's own sender goes before.
    pub senders: Vec<SenderId>,
    pub limits: LimitBook,
    pub domains: Domains,
    /// Zones of contacts; whoever is left over has the plan's.
    pub zones: Shares<Zone>,
    pub days_max: u32,
    pub steps_max: u64,
}

/// How contacts are spread over recipient domains.
#[derive(Debug, Clone, PartialEq)]
pub enum Domains {
    /// So many, equally.
    Equal(u32),
    /// These, and for the rest small ones of ten contacts each.
    Shares(Shares<String>),
}

impl Default for Domains {
    fn default() -> Self {
        Self::Shares(Shares::default())
    }
}

impl FromStr for Domains {
    type Err = InvalidShares;

    fn from_str(text: &str) -> Result<Self, InvalidShares> {
        match text.parse() {
            Ok(count) => Ok(Self::Equal(count)),
            Err(_) => text.to_ascii_lowercase().parse().map(Self::Shares),
        }
    }
}

impl Domains {
    /// The names of those that have one; these come first.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Equal(_) => Vec::new(),
            Self::Shares(shares) => shares.names().map(String::as_str).collect(),
        }
    }

    /// The domain of each contact.
    pub(super) fn spread(&self, contacts: u32, random: &mut Random) -> Vec<u32> {
        match self {
            Self::Equal(count) => {
                let mut places: Vec<u32> = (0..contacts).map(|contact| contact % count.max(&1)).collect();
                random.shuffle(&mut places);
                places
            }
            Self::Shares(shares) => {
                let mut places = shares.spread(contacts, random);
                let named = shares.names().len() as u32;
                for (turn, place) in places.iter_mut().filter(|place| **place == named).enumerate() {
                    *place += turn as u32 / SMALL_DOMAIN;
                }
                places
            }
        }
    }
}

impl Settings {
    /// One sender, the limits that hold where nothing is set, no domain that many share, and nobody who reacts.
    pub fn new(contacts: u32, start: DateTime<Utc>) -> Self {
        Self {
            contacts,
            start,
            seed: 0,
            behavior: Behavior::default(),
            tenant: TenantId(Uuid::nil()),
            senders: Self::numbered_senders(1),
            limits: LimitBook::default(),
            domains: Domains::default(),
            zones: Shares::default(),
            days_max: DAYS_MAX,
            steps_max: STEPS_MAX,
        }
    }

    /// Senders that exist nowhere, for whoever only asks what so many would do.
    pub fn numbered_senders(count: u32) -> Vec<SenderId> {
        (1..=count).map(|number| SenderId(Uuid::from_u128(u128::from(number)))).collect()
    }

    /// Everything that is wrong with them.
    pub fn check(&self) -> Vec<FieldProblem> {
        let mut problems = Problems::default();
        let within = |number: u64, most: u64| (1..=most).contains(&number);
        problems.require("contacts", within(self.contacts.into(), CONTACTS_MAX.into()), "must be 1 to 1000000");
        problems.require("senders", within(self.senders.len() as u64, SENDERS_MAX.into()), "must be 1 to 10000");
        problems.require("days_max", within(self.days_max.into(), DAYS_MAX.into()), "must be 1 to 732");
        problems.require("steps_max", within(self.steps_max, STEPS_MAX), "must be 1 to 500000000");
        problems.require("start", (1970..=9_000).contains(&self.start.year()), "must lie in the years 1970 to 9000");
        self.check_behavior(&mut problems);
        match &self.domains {
            Domains::Equal(count) => {
                problems.require("domains", within((*count).into(), DOMAINS_MAX.into()), "must be 1 to 100000");
            }
            Domains::Shares(shares) => {
                for name in shares.names().filter(|name| !is_host_name(name)) {
                    problems.add("domains", format!("{name} is no domain"));
                }
            }
        }
        problems.list()
    }

    fn check_behavior(&self, problems: &mut Problems) {
        let Behavior { bounce, open, click, reply, unsubscribe, complain, convert, mean_hours } = self.behavior;
        for (field, share) in [
            ("bounce", bounce),
            ("open", open),
            ("click", click),
            ("reply", reply),
            ("unsubscribe", unsubscribe),
            ("complain", complain),
            ("convert", convert),
        ] {
            problems.require(field, (0.0..=1.0).contains(&share), "is a share, from 0 to 1");
        }
        problems.require("click", click <= open, "must be at most open: who clicks has opened");
        let possible = (0.0..=MEAN_HOURS_MAX).contains(&mean_hours);
        problems.require("mean_hours", possible, "must be from 0 to 8784");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let start = DateTime::from_timestamp(1_795_000_000, 0).expect("a time");
        assert_eq!(Settings::new(1, start).check(), []);
        let wrong = Settings {
            senders: Vec::new(),
            behavior: Behavior { open: 0.1, click: 0.2, bounce: f64::NAN, ..Behavior::default() },
            domains: "gmail.com=0.2,no_domain=0.1".parse().expect("shares"),
            ..Settings::new(CONTACTS_MAX + 1, start)
        };
        let fields: Vec<String> = wrong.check().into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["contacts", "senders", "bounce", "click", "domains"]);
    }

    #[test]
    fn contacts_are_spread_over_named_and_small_domains_or_equally() {
        let of = |domains: &str, contacts: u32| {
            let domains: Domains = domains.parse().expect("domains");
            let places = domains.spread(contacts, &mut Random::of(1, [0, 0]));
            let mut counts = vec![0; places.iter().max().map_or(0, |most| *most as usize + 1)];
            places.into_iter().for_each(|place| counts[place as usize] += 1);
            counts
        };
        assert_eq!(of("Gmail.com=0.4,outlook.com=0.1", 60), [24, 6, 10, 10, 10]);
        assert_eq!(of("7", 20), [3, 3, 3, 3, 3, 3, 2]);
    }
}
