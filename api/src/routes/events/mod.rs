pub mod create;
pub mod stream;
