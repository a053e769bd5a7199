pub mod create;
pub mod get;
mod known_contents;
mod written_contents;

pub use known_contents::KnownContents;
pub use written_contents::WrittenContents;
