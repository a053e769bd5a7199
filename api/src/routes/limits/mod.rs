mod get;
mod list;
mod put;
mod remove;
mod target;

pub use get::{get, get_one};
pub use list::list;
pub use put::{put, put_one};
pub use remove::{remove, remove_one};
