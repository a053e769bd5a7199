pub mod add_address;
pub mod get;
pub mod list;
pub mod put;
