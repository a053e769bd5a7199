use chrono::DateTime;
use domain::ids::{MessageId, TenantId};
use domain::limits::{LimitRefusal, LimitSet, RefusedBy};
use domain::messages::Priority;
use queue::LaneName;
use uuid::Uuid;

use super::*;

const NOW: Duration = Duration::ZERO;

fn row(tenant: u128, sender: u128, at: i64, domain: &str) -> DueRow {
    DueRow {
        place: store::Place::NOWHERE,
        message: MessageId(Uuid::from_u128(sender * 1_000 + at as u128)),
        tenant: TenantId(Uuid::from_u128(tenant)),
        sender: SenderId(Uuid::from_u128(sender)),
        priority: Priority::Normal,
        run_at: DateTime::from_timestamp(at, 0).expect("in range"),
        room: "".into(),
        domain: domain.into(),
    }
}

fn setup(rows: &[DueRow]) -> (Lanes, Vec<Demand>) {
    let mut lanes = Lanes::default();
    lanes.add(rows.iter().map(|row| LaneName { tenant: row.tenant, sender: row.sender }));
    let planned = lanes.iter().map(|(sender, lane)| Demand { tenant: lane.tenant, sender, rows: 50 }).collect();
    (lanes, planned)
}

fn refused(bucket: BucketKey) -> Shortages {
    let mut shortages = Shortages::default();
    let refusal = LimitRefusal { bucket, why: RefusedBy::Rate, wait: Duration::from_secs(60) };
    shortages.refused(NOW, &refusal, &LimitSet::default());
    shortages
}

#[test]
fn rows_of_an_exhausted_domain_step_aside_and_the_others_go() {
    let rows: Vec<DueRow> =
        (0..20).map(|at| row(1, 1, at, if at < 15 { "full.example" } else { "free.example" })).collect();
    let (mut lanes, planned) = setup(&rows);
    let tenant = rows[0].tenant;
    let short = refused(BucketKey::Domain(tenant, "full.example".into()));
    let sorted = sort_rows(rows.clone(), &planned, &lanes, &Turns::default(), &short, NOW);
    assert_eq!((sorted.joiners.len(), sorted.candidates.len()), (15, 5));
    // Once the room has rows, fresh ones join it even when the bucket has tokens: they are behind.
    lanes.fill_room(tenant, rows[0].sender, "free.example");
    let sorted = sort_rows(rows, &planned, &lanes, &Turns::default(), &Shortages::default(), NOW);
    assert_eq!((sorted.joiners.len(), sorted.candidates.len()), (5, 15));
}

#[test]
fn a_room_is_served_by_time_among_the_senders_fresh_rows() {
    let mut rows: Vec<DueRow> = (10..13).map(|at| row(1, 1, at, "b.example")).collect();
    rows.push(DueRow { room: "a.example".into(), ..row(1, 1, 5, "a.example") });
    rows.push(DueRow { priority: Priority::High, ..row(1, 1, 20, "b.example") });
    let (lanes, planned) = setup(&rows);
    let sorted = sort_rows(rows, &planned, &lanes, &Turns::default(), &Shortages::default(), NOW);
    let times: Vec<i64> = sorted.candidates.iter().map(|row| row.run_at.timestamp()).collect();
    assert_eq!(times, [20, 5, 10, 11, 12]);
}

#[test]
fn where_a_shared_bucket_is_short_tenants_alternate_row_by_row() {
    let rows: Vec<DueRow> =
        (0..10).map(|at| row(1, 1, at, "a.example")).chain((0..10).map(|at| row(2, 2, at, "a.example"))).collect();
    let (lanes, planned) = setup(&rows);
    let short = refused(BucketKey::Global);
    let sorted = sort_rows(rows, &planned, &lanes, &Turns::default(), &short, NOW);
    for pair in sorted.candidates.chunks(2) {
        assert_ne!(pair[0].tenant, pair[1].tenant);
    }
}

#[test]
fn a_room_without_tokens_is_not_looked_into() {
    let rows = [row(1, 1, 0, "a.example")];
    let (mut lanes, planned) = setup(&rows);
    lanes.fill_room(rows[0].tenant, rows[0].sender, "full.example");
    let short = refused(BucketKey::Domain(rows[0].tenant, "full.example".into()));
    let rooms = |shortages: &Shortages| -> Vec<String> {
        looks(&planned, &lanes, shortages, NOW).into_iter().map(|look| look.room.into()).collect()
    };
    assert_eq!(rooms(&short), [""]);
    assert_eq!(rooms(&Shortages::default()), ["", "full.example"]);
}
