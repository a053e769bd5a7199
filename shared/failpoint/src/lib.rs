#![doc = include_str!("../README.md")]

#[cfg(not(feature = "built-in"))]
#[path = "empty.rs"]
mod point;
#[cfg(feature = "built-in")]
#[path = "ordered.rs"]
mod point;

pub use point::{fails, hold, reach, set_up};

/// Whether this build has failpoints at all.
pub const BUILT_IN: bool = cfg!(feature = "built-in");
