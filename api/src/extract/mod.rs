//! What handlers take as arguments.

mod bounded_list;
mod caller;
mod json_body;

pub use bounded_list::BoundedList;
pub use caller::{Caller, KeyCache};
pub use json_body::{parse, read_body};
