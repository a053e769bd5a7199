//! How many rows may stand in Redis, and how they are shared.

/// The window is never smaller: a start needs something to measure.
pub const WINDOW_ROWS_MIN: u32 = 256;
/// The window is never larger: this bounds what Redis holds, whatever the backlog.
pub const WINDOW_ROWS_MAX: u32 = 20_000;
/// Seconds of its own drain that one sender may hold while others wait.
const SENDER_SHARE_SECS: f64 = 2.0;
/// One over this of the window is a tenant's share while others wait.
const TENANT_SHARE_OF: u32 = 4;
/// Weight of the newest second in a drain that falls.
const DRAIN_SMOOTHING: f64 = 0.5;

/// About one second of measured drain.
pub fn window_rows(drain_per_s: f64) -> u32 {
    (drain_per_s.ceil().max(0.0) as u32).clamp(WINDOW_ROWS_MIN, WINDOW_ROWS_MAX)
}

/// What one tenant may hold of the window.
pub fn tenant_share(window: u32, others_wait: bool) -> u32 {
    if others_wait { (window / TENANT_SHARE_OF).max(1) } else { window }
}

/// What one sender may hold: two seconds of its own drain, at least what its connections can carry at once and as much
/// again behind it. A server that hangs drains nothing and so fills its own small share only.
pub fn sender_share(drain_per_s: f64, connections: u32) -> u32 {
    let by_drain = (drain_per_s * SENDER_SHARE_SECS).ceil().max(0.0) as u32;
    by_drain.max(connections.saturating_mul(2)).clamp(1, WINDOW_ROWS_MAX)
}

/// The measured drain after one more second in which `rows` were settled. A faster one is believed at once: the window
/// was what held it down.
pub fn smooth_drain(before: f64, rows: u32, seconds: f64) -> f64 {
    if seconds <= 0.0 {
        return before;
    }
    let newest = f64::from(rows) / seconds;
    if newest > before { newest } else { before + DRAIN_SMOOTHING * (newest - before) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_follows_the_drain_between_its_bounds() {
        assert_eq!(window_rows(0.0), 256);
        assert_eq!(window_rows(f64::NAN), 256);
        assert_eq!(window_rows(4_000.2), 4_001);
        assert_eq!(window_rows(1e9), 20_000);
    }

    #[test]
    fn a_tenant_alone_may_fill_the_window_and_in_company_a_quarter() {
        assert_eq!(tenant_share(1_000, false), 1_000);
        assert_eq!(tenant_share(1_000, true), 250);
    }

    #[test]
    fn a_sender_that_drains_nothing_holds_what_its_connections_carry_twice() {
        assert_eq!(sender_share(0.0, 10), 20);
        assert_eq!(sender_share(500.0, 10), 1_000);
    }

    #[test]
    fn the_drain_rises_at_once_and_falls_by_halves() {
        assert_eq!(smooth_drain(0.0, 800, 1.0), 800.0);
        assert_eq!(smooth_drain(800.0, 0, 1.0), 400.0);
        let drain = (0..20).fold(5_000.0, |drain, _| smooth_drain(drain, 800, 1.0));
        assert!((drain - 800.0).abs() < 1.0, "{drain}");
    }
}
