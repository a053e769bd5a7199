#![doc = include_str!("../README.md")]

pub mod backend;
mod backoff;
mod error;
mod keys;
pub mod leader;
mod link;
mod outcome;
mod producer;
mod pulse;
mod scripts;

pub use backend::{BackendOptions, Delivery, Lease, Marked, QueueBackend};
pub use error::QueueError;
pub use keys::{Keys, LaneName};
pub use link::{QueueLink, RESPONSE_TIMEOUT};
pub use outcome::Outcome;
pub use producer::{JobPush, Pushed, Reservation, Reserved, not_pushed};
pub use pulse::PulseView;

pub type Result<T, E = QueueError> = std::result::Result<T, E>;
