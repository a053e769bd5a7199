use std::collections::HashMap;

use domain::ids::TenantId;
use serde_json::{Map, Value};
use sqlx::PgConnection;
use uuid::Uuid;

use super::NewEnrollment;
use crate::Result;

/// Looks at contacts that others make at the same moment.
const MERGES_MAX: usize = 3;

row! {
    /// A contact as its messages are made of it.
    pub(super) struct Known {
        key: String,
        pub contact_id: Uuid,
        pub timezone: Option<String>,
        pub name: Option<String>,
        pub external_id: Option<String>,
        pub owner: Option<String>,
        pub data: Option<Value>,
    }
}

/// The contact of each address; one that somebody else makes at this moment is asked for once more.
pub(super) async fn merge_all(
    connection: &mut PgConnection,
    tenant: TenantId,
    open: &[usize],
    asked: &[NewEnrollment],
    keys: &[String],
) -> Result<HashMap<String, Known>> {
    let mut known = HashMap::new();
    for _ in 0..MERGES_MAX {
        let left: Vec<usize> = open.iter().copied().filter(|at| !known.contains_key(&keys[*at])).collect();
        if left.is_empty() {
            break;
        }
        known.extend(merge_contacts(connection, tenant, &left, asked, keys).await?);
    }
    Ok(known)
}

async fn merge_contacts(
    connection: &mut PgConnection,
    tenant: TenantId,
    open: &[usize],
    asked: &[NewEnrollment],
    keys: &[String],
) -> Result<HashMap<String, Known>> {
    let of = |at: &usize| &asked[*at];
    let rows: Vec<Known> = sqlx::query_as(include_str!("../contacts/merge_contacts.sql"))
        .bind(tenant.uuid())
        .bind(open.iter().map(|at| keys[*at].as_str()).collect::<Vec<_>>())
        .bind(open.iter().map(|at| of(at).address.as_str()).collect::<Vec<_>>())
        .bind(open.iter().map(|at| of(at).contact.uuid()).collect::<Vec<_>>())
        .bind(open.iter().map(|at| of(at).name.as_deref()).collect::<Vec<_>>())
        .bind(open.iter().map(|at| of(at).external_id.as_deref()).collect::<Vec<_>>())
        .bind(open.iter().map(|at| of(at).timezone.map(|zone| zone.to_string())).collect::<Vec<_>>())
        .bind(open.iter().map(|at| some(&of(at).contact_data)).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.key.clone(), row)).collect())
}

pub(super) fn some(data: &Map<String, Value>) -> Option<Value> {
    (!data.is_empty()).then(|| Value::Object(data.clone()))
}
