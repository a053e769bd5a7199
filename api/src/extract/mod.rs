//! What handlers take as arguments.

mod caller;
mod json_body;

pub use caller::{Caller, KeyCache};
pub use json_body::{parse, read_body};
