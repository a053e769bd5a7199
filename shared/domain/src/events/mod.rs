//! What comes back of messages and contacts.

mod draft;
mod kind;

pub use draft::{EventDraft, EventType, NewEvent};
pub use kind::EventKind;
