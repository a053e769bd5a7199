//! The outside world that accepts mail.
//!
//! Everything before the point of no return is reversible and may be repeated; what comes after answers `FinalAnswer`,
//! which says honestly when nothing is known.

pub mod egress;
pub mod mime;
pub mod smtp;

pub use egress::{Egress, EgressError};
pub use mime::{Mail, compose};
