pub mod clear_failed;
pub mod get;
pub mod list_uncertain;
pub mod pause;
mod repair;
pub mod resume;
pub mod retry_failed;
