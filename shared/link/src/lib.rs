#![doc = include_str!("../README.md")]

mod buckets;
mod connection;
mod error;
mod keys;
mod pulse;
mod scripts;

pub use buckets::{BucketSpec, TokenAsk, Tokens, encode_buckets, encode_returns};
pub use connection::{Answer, Arg, Link, RESPONSE_TIMEOUT};
pub use error::LinkError;
pub use keys::{Keys, QueueName};
pub use pulse::PulseView;
pub use redis::Script;
pub use scripts::script;

pub type Result<T, E = LinkError> = std::result::Result<T, E>;
