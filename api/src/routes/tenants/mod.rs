pub mod create;
pub mod create_key;
pub mod get;
pub mod list;
pub mod pause;
pub mod resume;
pub mod update;
