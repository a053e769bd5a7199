use super::agenda::{Agenda, Happening};
use super::behavior::reactions;
use super::outbox::{Left, Mail, Outbox};
use super::random::Random;
use super::report::{MessageCounts, Simulation, StoppedBy};
use super::scopes::Scopes;
use super::tally::Tally;
use super::{Settings, moment};
use crate::engine::{Effect, End, Enrollment, Event, Stepped, begin, step};
use crate::ids::SenderId;
use crate::limits::BucketKey;
use crate::plans::{Compiled, Does, PlanEvent, Zone};

const DAY_US: i64 = 24 * 3_600 * 1_000_000;

/// Streams of chance beside the contacts' own.
const DOMAINS: [u64; 2] = [0, 1];
const ZONES: [u64; 2] = [0, 2];

#[derive(Debug)]
struct Contact {
    /// None once it has ended.
    enrollment: Option<Box<Enrollment>>,
    sender: u32,
    domain: u32,
    zone: u32,
    /// The visit whose message is planned and has not left; 0 where none is.
    planned: u32,
    /// Timers of visits up to this one are canceled.
    canceled: u32,
    sent: u32,
    /// It bounced, complained or unsubscribed: nothing is sent to it.
    is_suppressed: bool,
}

/// Contacts, the engine, and what is to come.
pub struct Run<'a> {
    plan: &'a Compiled,
    settings: &'a Settings,
    /// Nobody is told what no node asks for.
    hears_of_deliveries: bool,
    named_senders: Vec<Option<u32>>,
    contacts: Vec<Contact>,
    agenda: Agenda,
    outbox: Outbox<'a>,
    tally: Tally,
    now: i64,
    steps: u64,
}

impl<'a> Run<'a> {
    pub fn new(plan: &'a Compiled, settings: &'a Settings) -> Self {
        let start = settings.start.timestamp_micros();
        let zones: Vec<Zone> = settings.zones.names().copied().chain([plan.zone]).collect();
        let zone_of = settings.zones.spread(settings.contacts, &mut Random::of(settings.seed, ZONES));
        let domain_of = settings.domains.spread(settings.contacts, &mut Random::of(settings.seed, DOMAINS));
        let domains = domain_of.iter().max().map_or(0, |most| most + 1);
        let mut scopes = Scopes::new(plan, settings, domains);
        let shared =
            [BucketKey::Tenant(settings.tenant), BucketKey::Global].map(|key| scopes.add_shared(&key, settings));
        let named = |sender: Option<SenderId>| sender.and_then(|id| scopes.named_senders.get(&id).copied());
        let named_senders = plan.nodes.iter().map(|node| match node.does {
            Does::Send { sender } => named(sender),
            Does::Wait | Does::Stop => None,
        });
        let contacts = domain_of.into_iter().zip(zone_of).zip((0..settings.senders.len() as u32).cycle());
        let contacts = contacts.map(|((domain, zone), sender)| Contact {
            enrollment: None,
            sender,
            domain,
            zone,
            planned: 0,
            canceled: 0,
            sent: 0,
            is_suppressed: false,
        });
        Self {
            plan,
            settings,
            hears_of_deliveries: plan
                .nodes
                .iter()
                .flat_map(|node| &node.next)
                .any(|next| next.on == PlanEvent::Delivered),
            named_senders: named_senders.collect(),
            contacts: contacts.collect(),
            agenda: Agenda::until(start + i64::from(settings.days_max) * DAY_US),
            outbox: Outbox::new(&plan.calendar, zones, shared, scopes.senders, scopes.domains),
            tally: Tally::new(scopes.classes, plan.nodes.len(), start),
            now: start,
            steps: 0,
        }
    }

    /// Enrolls everybody, and goes from one happening to the next until nothing is left, or enough was done. `seen` is
    /// told of each message that leaves, and when.
    pub fn go(mut self, mut seen: impl FnMut(i64, &Left)) -> Simulation {
        self.enroll();
        while self.tally.ended < self.settings.contacts && self.steps + self.outbox.looks < self.settings.steps_max {
            let Some((now, happening)) = self.agenda.next() else { break };
            self.now = now;
            self.steps += 1;
            self.happen(happening);
            while let Some(left) = self.next_to_leave() {
                self.leave(&left, &mut seen);
            }
        }
        self.report()
    }

    fn next_to_leave(&mut self) -> Option<Left> {
        let contacts = &self.contacts;
        let is_wanted = |mail: &Mail| contacts[mail.contact as usize].planned == mail.visit;
        self.outbox.next(self.now, &mut self.agenda, &is_wanted)
    }

    fn enroll(&mut self) {
        for contact in 0..self.settings.contacts {
            let place = self.contacts[contact as usize].zone as usize;
            let zone = self.settings.zones.names().nth(place).copied();
            let begun = begin(self.plan, zone, 1, moment(self.now));
            self.tally.entered(self.plan.start);
            self.carry_out(contact, begun);
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Due { contact, visit } => self.due(contact, visit),
            Happening::Timer { contact, visit, kind } => {
                if visit > self.contacts[contact as usize].canceled {
                    self.tell(contact, &Event::Timer { visit, kind, due: moment(self.now) });
                }
            }
            Happening::Heard { contact, visit, what } => self.heard(contact, visit, what),
            Happening::Wake(wake) => self.outbox.wake(wake, self.now, &mut self.agenda),
        }
    }

    fn due(&mut self, contact: u32, visit: u32) {
        let Contact { planned, is_suppressed, sender, domain, zone, ref enrollment, .. } =
            self.contacts[contact as usize];
        let Some(enrollment) = enrollment.as_ref().filter(|_| planned == visit) else { return };
        if is_suppressed {
            return self.suppress(contact, visit);
        }
        let sender = self.named_senders[enrollment.node].unwrap_or(sender);
        self.outbox.join(Mail { contact, visit, sender, domain, zone }, self.now);
    }

    /// Suppressions refuse a message as a server would.
    fn suppress(&mut self, contact: u32, visit: u32) {
        self.contacts[contact as usize].planned = 0;
        self.tally.suppressed += 1;
        self.tell(contact, &Event::Message { visit, what: PlanEvent::Blocked, at: moment(self.now) });
    }

    fn heard(&mut self, contact: u32, visit: u32, what: PlanEvent) {
        self.tell(contact, &Event::Message { visit, what, at: moment(self.now) });
        // Whatever the plan sends because of it, or later, is refused when it is due; what waited was called off.
        let suppresses = matches!(what, PlanEvent::Bounced | PlanEvent::Complained | PlanEvent::Unsubscribed);
        self.contacts[contact as usize].is_suppressed |= suppresses;
    }

    fn leave(&mut self, left: &Left, seen: &mut impl FnMut(i64, &Left)) {
        let Mail { contact, visit, .. } = left.mail;
        let state = &mut self.contacts[contact as usize];
        let Some((node, acts)) = state.enrollment.as_ref().map(|enrollment| (enrollment.node, enrollment.until)) else {
            return;
        };
        state.planned = 0;
        state.sent += 1;
        seen(self.now, left);
        // It acts when its schedule says so; until when the outbox had it, it waited for its hours.
        let until_open = self.now - left.held.all() - acts.timestamp_micros();
        self.tally.left(left, node, until_open, self.now);
        self.tell(contact, &Event::Accepted { visit, at: moment(self.now) });
        if self.contacts[contact as usize].enrollment.is_none() {
            return;
        }
        for (after, what) in reactions(&self.settings.behavior, self.settings.seed, contact, visit) {
            if what != PlanEvent::Delivered || self.hears_of_deliveries {
                self.agenda.add(self.now + after, Happening::Heard { contact, visit, what });
            }
        }
    }

    fn tell(&mut self, contact: u32, event: &Event) {
        if let Some(enrollment) = self.contacts[contact as usize].enrollment.take() {
            let stepped = step(self.plan, *enrollment, event, moment(self.now));
            self.tally.stepped(&stepped);
            self.carry_out(contact, stepped);
        }
    }

    fn carry_out(&mut self, contact: u32, Stepped { enrollment, effects, .. }: Stepped) {
        let (node, mut ended) = (enrollment.node, None::<End>);
        let state = &mut self.contacts[contact as usize];
        for effect in effects {
            match effect {
                Effect::ScheduleMessage { visit, run_at, .. } => {
                    state.planned = visit;
                    self.agenda.add(run_at.timestamp_micros(), Happening::Due { contact, visit });
                }
                Effect::SetTimer { visit, kind, due } => {
                    self.agenda.add(due.timestamp_micros(), Happening::Timer { contact, visit, kind });
                }
                Effect::CancelTimers { visit } => state.canceled = state.canceled.max(visit),
                Effect::CancelMessages => self.tally.canceled += u64::from(std::mem::take(&mut state.planned) != 0),
                Effect::End(end) => ended = Some(end),
            }
        }
        match ended {
            Some(end) => self.tally.end(node, end, self.now),
            None => state.enrollment = Some(Box::new(enrollment)),
        }
    }

    fn report(self) -> Simulation {
        let Settings { contacts, start, steps_max, .. } = *self.settings;
        let unfinished = contacts - self.tally.ended;
        let has_done_enough = self.steps + self.outbox.looks >= steps_max;
        let stopped_by = if has_done_enough { StoppedBy::Steps } else { StoppedBy::Days };
        let (days_per_entry, sends) = self.tally.sends(start);
        let since = |at: i64| (at - start.timestamp_micros()) as f64 / DAY_US as f64;
        Simulation {
            contacts,
            started_at: start,
            messages: MessageCounts {
                total: self.tally.sent,
                per_contact_mean: self.tally.sent as f64 / f64::from(contacts),
                per_contact_max: self.contacts.iter().map(|contact| contact.sent).max().unwrap_or(0),
                static_max: self.plan.messages_max,
                canceled: self.tally.canceled,
                suppressed: self.tally.suppressed,
            },
            ends: self.tally.ends(contacts),
            unfinished,
            stopped_by: (unfinished > 0).then_some(stopped_by),
            days_to_finish: self.tally.last_end.filter(|_| unfinished == 0).map(since),
            days_to_last_message: self.tally.last_sent.map(since),
            days_per_entry,
            sends,
            waits: self.tally.waits(),
            binding: self.tally.binding(),
            nodes: self.tally.nodes(self.plan),
            warnings: self.plan.warnings.clone(),
        }
    }
}
