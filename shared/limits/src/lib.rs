#![doc = include_str!("../README.md")]

mod admit;
mod api_tokens;
mod ask;
mod connections;
mod give_back;
mod limiter;
mod load_quota;
mod look;
mod park;
mod scripts;

pub use admit::{Admitted, Verdict};
pub use api_tokens::ApiTokens;
pub use ask::Ask;
pub use connections::{ConnectionHolding, ConnectionShare, LeasedConnections};
pub use limiter::Limiter;
pub use link::LinkError as LimitsError;
pub use look::Standing;

pub type Result<T, E = LimitsError> = std::result::Result<T, E>;
