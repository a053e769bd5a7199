use super::*;

fn row(tenant: u128, id: u128) -> LedgerRow {
    LedgerRow::new(Uuid::from_u128(id), TenantId(Uuid::from_u128(tenant)), 0.0)
}

fn ids(rows: &[LedgerRow]) -> Vec<u128> {
    rows.iter().map(|row| row.id.as_u128()).collect()
}

#[test]
fn tenants_take_turns_and_a_large_one_delays_nobody() {
    let rows: Vec<LedgerRow> = (0..1_000).map(|id| row(1, id)).chain([row(2, 5_000), row(2, 5_001)]).collect();
    assert_eq!(ids(&take_turns(rows.clone(), 5, |_| 100)), [0, 5_000, 1, 5_001, 2]);
    assert_eq!(take_turns(rows.clone(), 500, |_| 10).len(), 12, "ten is a share");
    assert_eq!(take_turns(rows, 5_000, |_| 5_000).len(), 1_002);
    assert!(take_turns(Vec::new(), 10, |_| 10).is_empty());
}

#[test]
fn a_job_has_timers_of_one_tenant_and_no_more_than_it_may_carry() {
    let rows: Vec<LedgerRow> = (0..5).flat_map(|id| [row(1, id), row(2, 100 + id)]).collect();
    let mut next = 0;
    let jobs = cut(rows, 3, || {
        next += 1;
        JobId(Uuid::from_u128(next))
    });
    let shape: Vec<(u128, usize)> = jobs.iter().map(|(_, tenant, rows)| (tenant.0.as_u128(), rows.len())).collect();
    assert_eq!(shape, [(1, 3), (2, 3), (1, 2), (2, 2)]);
}
