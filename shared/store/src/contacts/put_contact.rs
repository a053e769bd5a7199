use domain::address::Address;
use domain::contacts::NewContact;
use domain::ids::{ContactId, TenantId};
use serde_json::Value;

use super::Contacts;
use crate::{Result, StoreError};

/// Whose the address is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutContact {
    pub id: ContactId,
    pub is_new: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressAnswer {
    Added,
    Already,
    /// It is another contact's.
    Taken(ContactId),
    /// A contact has so many at most.
    TooMany,
    NotFound,
}

/// Addresses of one contact.
const ADDRESSES_MAX: i64 = 10;
/// Somebody may make the same contact at this moment.
const ROUNDS_MAX: usize = 3;

impl Contacts<'_> {
    /// Makes a contact, or adds what is said to the one that has the address.
    pub async fn put(&self, tenant: TenantId, id: ContactId, new: &NewContact) -> Result<PutContact> {
        let data = (!new.data.is_empty()).then(|| Value::Object(new.data.clone()));
        for _ in 0..ROUNDS_MAX {
            sqlx::query(include_str!("merge_contacts.sql"))
                .bind(tenant.uuid())
                .bind([new.address.suppression_key()])
                .bind([new.address.as_str()])
                .bind([id.uuid()])
                .bind([new.name.as_deref()])
                .bind([new.external_id.as_deref()])
                .bind([new.timezone.map(|zone| zone.to_string())])
                .bind([data.clone()])
                .execute(self.pool)
                .await?;
            if let Some(found) = self.by_address(tenant, &new.address).await? {
                return Ok(PutContact { id: found, is_new: found == id });
            }
        }
        Err(StoreError::Unavailable(sqlx::Error::RowNotFound))
    }

    /// Gives a contact one more address; with `first` it is the one that is mailed.
    pub async fn add_address(
        &self,
        tenant: TenantId,
        id: ContactId,
        address: &Address,
        first: bool,
    ) -> Result<AddressAnswer> {
        let mut transaction = self.pool.begin().await?;
        let locked = sqlx::query("SELECT 1 FROM contacts WHERE tenant_id = $1 AND id = $2 FOR UPDATE")
            .bind(tenant.uuid())
            .bind(id.uuid())
            .fetch_optional(&mut *transaction)
            .await?;
        if locked.is_none() {
            return Ok(AddressAnswer::NotFound);
        }
        let (many, last): (i64, Option<i16>) = sqlx::query_as(
            "SELECT count(*), max(place) FROM contact_addresses WHERE tenant_id = $1 AND contact_id = $2",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_one(&mut *transaction)
        .await?;
        if many >= ADDRESSES_MAX {
            return Ok(AddressAnswer::TooMany);
        }
        if first {
            sqlx::query("UPDATE contact_addresses SET place = place + 1 WHERE tenant_id = $1 AND contact_id = $2")
                .bind(tenant.uuid())
                .bind(id.uuid())
                .execute(&mut *transaction)
                .await?;
        }
        let place = if first { 0 } else { last.map_or(0, |last| last + 1) };
        let added = sqlx::query(
            "INSERT INTO contact_addresses (tenant_id, channel, key, address, contact_id, place)
             VALUES ($1, 'email', $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(tenant.uuid())
        .bind(address.suppression_key())
        .bind(address.as_str())
        .bind(id.uuid())
        .bind(place)
        .execute(&mut *transaction)
        .await?;
        if added.rows_affected() == 0 {
            transaction.rollback().await?;
            let owner = self.by_address(tenant, address).await?;
            let taken = |owner| if owner == id { AddressAnswer::Already } else { AddressAnswer::Taken(owner) };
            return owner.map(taken).ok_or(StoreError::Unavailable(sqlx::Error::RowNotFound));
        }
        transaction.commit().await?;
        Ok(AddressAnswer::Added)
    }
}
