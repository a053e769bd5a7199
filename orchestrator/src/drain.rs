use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::ids::SenderId;
use domain::window::{sender_share, smooth_drain, window_rows};
use queue::leader::Drained;
use tokio::time::Instant;

/// Below this a sender is forgotten: it has the smallest share anyway.
const FORGOTTEN_BELOW: f64 = 0.1;

/// How fast rows leave, as measured at every beat: in all, and by sender.
#[derive(Default)]
pub struct MeasuredDrain(Mutex<State>);

#[derive(Default)]
struct State {
    measured_at: Option<Instant>,
    all: f64,
    by_sender: HashMap<SenderId, f64>,
}

impl MeasuredDrain {
    pub fn add(&self, drained: &Drained) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let seconds = state.measured_at.replace(now).map_or(1.0, |before| (now - before).as_secs_f64());
        state.all = smooth_drain(state.all, drained.rows, seconds);
        for (sender, rate) in &mut state.by_sender {
            if !drained.by_sender.contains_key(sender) {
                *rate = smooth_drain(*rate, 0, seconds);
            }
        }
        for (sender, rows) in &drained.by_sender {
            let rate = state.by_sender.entry(*sender).or_default();
            *rate = smooth_drain(*rate, *rows, seconds);
        }
        state.by_sender.retain(|_, rate| *rate >= FORGOTTEN_BELOW);
        metrics::gauge!("postfleet_drain_rows_per_second").set(state.all);
    }

    pub fn window(&self) -> u32 {
        window_rows(self.0.lock().unwrap_or_else(PoisonError::into_inner).all)
    }

    pub fn sender_share(&self, sender: SenderId, connections: u32) -> u32 {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sender_share(state.by_sender.get(&sender).copied().unwrap_or(0.0), connections)
    }
}
