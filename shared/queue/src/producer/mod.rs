//! Putting jobs into Redis.

mod place;
mod push;
mod reserve;
mod ring;

pub use push::{JobPush, Pushed, not_pushed};
pub use reserve::{NotReserved, Reservation, Reserved};
