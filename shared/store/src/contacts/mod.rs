//! Contacts and their addresses.

mod find_contact;
mod put_contact;

pub use find_contact::ContactView;
pub use put_contact::{AddressAnswer, PutContact};

use sqlx::PgPool;

pub struct Contacts<'a> {
    pub(crate) pool: &'a PgPool,
}
