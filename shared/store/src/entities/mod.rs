//! sea-orm's view of the rarely used tables.

pub mod sender;
pub mod tenant;
