//! Workers that die, freeze, stop and differ in version.

mod dying;
mod freezing;
mod poison;
mod stopping;
mod versions;

/// Slow enough that whatever happens to a worker finds it at work.
const SLOW_SINK: testkit::SinkOptions = testkit::SinkOptions { answer_after_ms: 10, tls: None, login: None };
