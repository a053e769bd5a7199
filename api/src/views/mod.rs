//! The shapes of answers.

mod limit;
mod message;
mod pause;
mod queue;

pub use limit::LimitView;
pub use message::{AcceptedView, BatchItemView, BatchView, MessageBody};
pub use pause::{PauseBody, PauseView};
pub use queue::QueueView;
