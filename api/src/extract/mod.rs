//! What handlers take as arguments, and what stands before them.

mod asked;
mod bounded_list;
mod caller;
mod id_path;
mod idempotent;
mod json_body;
mod key_cache;
mod page;
mod rates;

pub use asked::Asked;
pub use bounded_list::BoundedList;
pub use caller::{Caller, Mailer, Manager, Operator, Reader, admit};
pub use id_path::{Id, Named};
pub use idempotent::{Creation, KeepInstead, idempotent};
pub use json_body::{parse, parse_or, read_body};
pub use key_cache::KeyCache;
pub use page::{Page, PageQuery, page_cursor, page_limit};
pub use rates::{RateStanding, RequestRates};
