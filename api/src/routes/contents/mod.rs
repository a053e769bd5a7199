pub mod create;
pub mod get;
mod known_contents;

pub use known_contents::KnownContents;
