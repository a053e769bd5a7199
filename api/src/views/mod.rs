//! The shapes of answers.

mod message;
mod queue;

pub use message::{AcceptedView, BatchItemView, BatchView, MessageBody};
pub use queue::QueueView;
