//! Putting jobs into Redis.

mod push;
mod reserve;
mod ring;

pub use push::{JobPush, Pushed};
pub use reserve::{Reservation, Reserved};
