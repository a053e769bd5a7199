//! sea-orm's view of the rarely used tables.

pub mod api_key;
pub mod sender;
pub mod tenant;
