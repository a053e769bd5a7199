//! The HTTP API: checks the caller, writes rows, pushes a job for what may go now, serves reads. Sends no mail.

pub mod checking;
mod csv_line;
mod docs_page;
mod enqueue;
mod error;
pub mod explain;
mod extract;
mod failures;
mod gates;
mod intake;
mod openapi;
mod options;
pub mod pausing;
mod refused_lanes;
mod router;
mod routes;
mod run;
mod serve;
mod state;
mod tell_feeder;
mod unsubscribe_page;
mod views;

pub use csv_line::{line_text, read_csv_line};
pub use error::ApiError;
pub use openapi::openapi_json;
pub use options::{ApiOptions, parse_key_rate};
pub use router::router;
pub use run::run;
pub use state::ApiState;
pub use views::KeyView;
