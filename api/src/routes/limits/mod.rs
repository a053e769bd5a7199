mod asked_limit;
pub mod get;
pub mod get_keyed;
pub mod list;
pub mod put;
pub mod put_keyed;
pub mod remove;
pub mod remove_keyed;
