//! One send to one address: its states, and the decisions about it.

pub mod content;
pub mod decide_send;
pub mod draft;
pub mod headers;
pub mod priority;
pub mod refusal;
pub mod resolve_uncertain;
pub mod retry;
pub mod send_request;
pub mod state;
pub mod wait;

pub use content::Content;
pub use priority::Priority;
pub use state::MessageState;
