//! Who may be mailed.

mod draft;

pub use draft::{ContactDraft, EnrollmentOptions, NewContact};
