pub mod bulk;
pub mod bulk_lines;
pub mod cancel;
pub mod create;
pub mod get;
pub mod get_bulk;
pub mod timeline;
