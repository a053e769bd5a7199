//! The Lua that stands before every script.

/// Checks the pulse and tells the time.
const PULSE: &str = include_str!("lua/pulse.lua");
/// Token buckets.
const BUCKETS: &str = include_str!("lua/buckets.lua");

/// The text of a script with what stands before it. Loaded on first use, and again whenever Redis has forgotten it.
pub fn script(parts: &[&str]) -> redis::Script {
    let text: String = [PULSE, BUCKETS].iter().chain(parts).copied().collect();
    redis::Script::new(&text)
}
