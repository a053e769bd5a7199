#![doc = include_str!("../README.md")]

pub mod backend;
mod backoff;
mod ingress;
mod job;
mod lane;
pub mod leader;
mod outcome;
mod producer;
mod queue_link;
mod scripts;

pub use backend::{BackendOptions, Delivery, Lease, Marked, QueueBackend};
pub use ingress::{IngressData, IngressTask};
pub use job::{JobHead, QueueJob};
pub use lane::LaneName;
pub use link::{Keys, Link, LinkError as QueueError, PulseView, QueueName, RESPONSE_TIMEOUT, TokenAsk, Tokens};
pub use outcome::Outcome;
pub use producer::{JobPush, NotReserved, Pushed, Reservation, Reserved, not_pushed};
pub use queue_link::QueueLink;

pub type Result<T, E = QueueError> = std::result::Result<T, E>;
