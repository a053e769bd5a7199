pub mod create;
pub mod list;
pub mod make;
pub mod revoke;
pub mod rotate;
