//! What strangers send: requests, mails and templates made to break something.

mod connections;
mod mails;
mod requests;
mod templates;
