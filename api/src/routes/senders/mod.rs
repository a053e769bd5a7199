pub mod archive;
pub mod check;
pub mod create;
mod encrypt;
pub mod get;
pub mod list;
pub mod pause;
pub mod resume;
pub mod update;
