use super::random::Random;
use crate::plans::PlanEvent;

/// What contacts do with a message: shares of all that were delivered, but for `bounce`, which is one of all that were
/// sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Behavior {
    /// The address does not work: such a contact gets nothing more.
    pub bounce: f64,
    pub open: f64,
    /// At most `open`: who clicks has opened.
    pub click: f64,
    pub reply: f64,
    pub unsubscribe: f64,
    pub complain: f64,
    pub convert: f64,
    /// Hours after which a contact reacts, on average. Most are quicker, a few much slower.
    pub mean_hours: f64,
}

impl Default for Behavior {
    /// Nobody does anything.
    fn default() -> Self {
        Self {
            bounce: 0.0,
            open: 0.0,
            click: 0.0,
            reply: 0.0,
            unsubscribe: 0.0,
            complain: 0.0,
            convert: 0.0,
            mean_hours: 6.0,
        }
    }
}

/// A bounce comes from a machine.
const BOUNCE_US: i64 = 60_000_000;
/// Who opens and clicks clicks this much sooner after it, on average, than he opened.
const CLICK_SOONER: i64 = 10;

/// What becomes of one message, and how many microseconds after it was accepted. The same for a contact's same message
/// whatever else is asked of the simulation: two runs differ by what was changed, and not by luck.
pub fn reactions(behavior: &Behavior, seed: u64, contact: u32, visit: u32) -> Vec<(i64, PlanEvent)> {
    let mut random = Random::of(seed, [u64::from(contact) + 1, u64::from(visit)]);
    if random.fraction() < behavior.bounce {
        return vec![(BOUNCE_US, PlanEvent::Bounced)];
    }
    let mean = (behavior.mean_hours * 3_600.0 * 1e6) as i64;
    let (interest, opens) = (random.fraction(), random.delay(mean));
    let clicks = opens + random.delay(mean / CLICK_SOONER);
    let mut reactions = vec![(0, PlanEvent::Delivered)];
    reactions.extend((interest < behavior.open).then_some((opens, PlanEvent::Opened)));
    reactions.extend((interest < behavior.click).then_some((clicks, PlanEvent::Clicked)));
    let rest = [
        (behavior.reply, PlanEvent::Replied),
        (behavior.unsubscribe, PlanEvent::Unsubscribed),
        (behavior.complain, PlanEvent::Complained),
        (behavior.convert, PlanEvent::Converted),
    ];
    for (share, what) in rest {
        // Both are drawn in any case, so that a share changes nothing but its own event.
        let (chance, after) = (random.fraction(), random.delay(mean));
        reactions.extend((chance < share).then_some((after, what)));
    }
    reactions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(behavior: &Behavior, what: PlanEvent) -> usize {
        let has = |contact: &u32| reactions(behavior, 5, *contact, 1).iter().any(|(_, other)| *other == what);
        (0..10_000).filter(has).count()
    }

    #[test]
    fn each_happens_as_often_as_it_should_and_at_0_and_1_exactly() {
        let behavior = Behavior { open: 0.4, click: 0.1, bounce: 0.02, ..Behavior::default() };
        for (what, expected) in [(PlanEvent::Bounced, 200), (PlanEvent::Opened, 3_920), (PlanEvent::Clicked, 980)] {
            let met = count(&behavior, what);
            assert!(met.abs_diff(expected) < expected / 10 + 30, "{what}: {met}");
        }
        assert_eq!(count(&behavior, PlanEvent::Replied), 0);
        let certain = Behavior { open: 1.0, click: 1.0, unsubscribe: 1.0, ..Behavior::default() };
        for what in [PlanEvent::Delivered, PlanEvent::Opened, PlanEvent::Clicked, PlanEvent::Unsubscribed] {
            assert_eq!(count(&certain, what), 10_000);
        }
        assert_eq!(count(&Behavior { bounce: 1.0, ..certain }, PlanEvent::Opened), 0);
    }

    #[test]
    fn who_clicks_has_opened_before_it() {
        let behavior = Behavior { open: 0.4, click: 0.3, ..Behavior::default() };
        for contact in 0..1_000 {
            let reactions = reactions(&behavior, 5, contact, 2);
            let at = |what| reactions.iter().find(|(_, other)| *other == what).map(|(at, _)| *at);
            assert!(at(PlanEvent::Clicked).is_none_or(|clicked| at(PlanEvent::Opened).is_some_and(|at| at <= clicked)));
        }
    }

    #[test]
    fn another_share_of_one_thing_changes_nothing_else() {
        let one = Behavior { open: 0.4, ..Behavior::default() };
        let other = Behavior { reply: 0.5, ..one };
        for contact in 0..1_000 {
            let mut with = reactions(&other, 5, contact, 1);
            with.retain(|(_, what)| *what != PlanEvent::Replied);
            assert_eq!(with, reactions(&one, 5, contact, 1));
        }
    }
}
