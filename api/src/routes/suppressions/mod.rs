pub mod add;
pub(crate) mod csv_form;
pub mod export;
pub mod get;
pub mod import;
pub mod lift;
pub mod list;
