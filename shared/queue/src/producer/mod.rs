//! Putting jobs into Redis.

mod place;
mod push;
mod reserve;
mod ring;
mod tell_live;

pub use push::{JobPush, Pushed, not_pushed};
pub use reserve::{NotReserved, Reservation, Reserved};
