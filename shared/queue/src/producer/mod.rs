//! Putting jobs into Redis.

mod push;
mod reserve;
mod ring;

pub use push::{JobPush, Pushed, not_pushed};
pub use reserve::{Reservation, Reserved};
