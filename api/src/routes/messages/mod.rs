mod cancel;
mod create;
mod create_batch;
mod get;
mod known_senders;

pub use cancel::cancel;
pub use create::create;
pub use create_batch::create_batch;
pub use get::get;
pub use known_senders::KnownSenders;
