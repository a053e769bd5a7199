mod asked_limit;
mod get;
mod list;
mod put;
mod remove;

pub use get::get;
pub use list::list;
pub use put::put;
pub use remove::remove;
