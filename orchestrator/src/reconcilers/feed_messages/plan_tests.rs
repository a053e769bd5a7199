use domain::limits::{LimitRefusal, LimitSet, RefusedBy};
use queue::LaneName;
use uuid::Uuid;

use super::super::state::State;
use super::*;

fn name(tenant: u128, sender: u128) -> LaneName {
    LaneName { tenant: TenantId(Uuid::from_u128(tenant)), sender: SenderId(Uuid::from_u128(sender)) }
}

fn lanes(names: &[LaneName]) -> Lanes {
    let mut lanes = Lanes::default();
    lanes.add(names.iter().copied());
    lanes
}

fn room(window: u32, tenant: u32, names: &[LaneName], share: u32) -> WindowRoom {
    let senders = names.iter().map(|name| (name.sender, share)).collect();
    WindowRoom { window, tenant, senders, ..WindowRoom::default() }
}

fn planned(names: &[LaneName], shortages: &Shortages, room: WindowRoom) -> Vec<Demand> {
    let mut state = State::default();
    (state.lanes, state.shortages) = (lanes(names), shortages.clone());
    plan(&state.demands(Duration::ZERO), &state.lanes, &Turns::default(), shortages, Duration::ZERO, room)
}

fn refused(bucket: BucketKey) -> Shortages {
    let mut shortages = Shortages::default();
    let refusal = LimitRefusal { bucket, why: RefusedBy::Rate, wait: Duration::from_secs(1) };
    shortages.refused(Duration::ZERO, &refusal, &LimitSet::default());
    shortages
}

#[test]
fn a_tenant_with_many_senders_gets_no_more_than_its_share() {
    let names: Vec<LaneName> = (0..20).map(|sender| name(1, sender)).chain([name(2, 100)]).collect();
    let planned = planned(&names, &Shortages::default(), room(400, 100, &names, 1_000));
    let of = |tenant: u128| -> u32 {
        planned.iter().filter(|turn| turn.tenant.uuid().as_u128() == tenant).map(|turn| turn.rows).sum()
    };
    assert_eq!((of(1), of(2)), (100, 100));
}

#[test]
fn a_sender_that_drains_nothing_holds_its_connections_and_no_more() {
    let names = [name(1, 1), name(1, 2)];
    let mut room = room(1_000, 1_000, &names, 500);
    room.senders.insert(names[0].sender, 10);
    room.by_sender.insert(names[0].sender, 10);
    room.rows = 10;
    let planned = planned(&names, &Shortages::default(), room);
    assert_eq!(planned, [Demand { tenant: names[1].tenant, sender: names[1].sender, rows: 500 }]);
}

#[test]
fn the_window_is_filled_and_never_passed() {
    let names: Vec<LaneName> = (0..7).map(|at| name(at % 3, at)).collect();
    let planned = planned(&names, &Shortages::default(), room(256, 10_000, &names, 10_000));
    assert_eq!(planned.iter().map(|turn| turn.rows).sum::<u32>(), 256);
    assert!(self::planned(&[], &Shortages::default(), room(256, 64, &[], 10)).is_empty());
}

#[test]
fn who_has_no_tokens_parks_itself_and_nobody_else() {
    let names = [name(1, 1), name(1, 2), name(2, 3)];
    let senders = |shortages: &Shortages| -> Vec<u128> {
        let mut who: Vec<u128> = planned(&names, shortages, room(1_000, 1_000, &names, 100))
            .into_iter()
            .map(|turn| turn.sender.uuid().as_u128())
            .collect();
        who.sort_unstable();
        who
    };
    assert_eq!(senders(&refused(BucketKey::Sender(names[0].sender))), [2, 3]);
    assert_eq!(senders(&refused(BucketKey::Tenant(names[0].tenant))), [3]);
    assert_eq!(senders(&refused(BucketKey::Global)), [0u128; 0]);
}

#[test]
fn who_has_rows_only_in_rooms_without_tokens_takes_nobodys_place() {
    let names: Vec<LaneName> = (0..7).map(|sender| name(1, sender)).chain([name(1, 100)]).collect();
    let mut state = State::default();
    state.lanes = lanes(&names);
    for waiting in &names[..7] {
        state.lanes.fill_room(waiting.tenant, waiting.sender, "full.example");
        state.lanes.empty(waiting.tenant, waiting.sender, "");
    }
    state.shortages = refused(BucketKey::Domain(names[0].tenant, "full.example".into()));
    let demands = state.demands(Duration::ZERO);
    let room = room(256, 64, &names, 10);
    let planned = plan(&demands, &state.lanes, &state.turns, &state.shortages, Duration::ZERO, room);
    assert_eq!(planned, [Demand { tenant: names[7].tenant, sender: names[7].sender, rows: 10 }]);
}
