//! Sending messages.

mod look_at_hours;
mod prepare_mail;
mod read_answer;
mod send_message;
pub mod send_messages;
