//! The bound on one rendering's work.

use std::cell::Cell;
use std::io;

/// Tag evaluations one rendering may cost. About a second on a slow machine.
const STEPS_MAX: u64 = 2_000_000;

thread_local! {
    // Rendering is synchronous, so a thread renders one template at a time; a helper has no other way to its caller.
    static LEFT: Cell<u64> = const { Cell::new(0) };
    static STEP_COST: Cell<u64> = const { Cell::new(1) };
    static EXHAUSTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `render` with a fresh budget in which one loop step costs `step_cost`.
pub fn with_budget<T>(step_cost: u64, render: impl FnOnce() -> T) -> T {
    LEFT.set(STEPS_MAX);
    STEP_COST.set(step_cost.max(1));
    EXHAUSTED.set(false);
    render()
}

/// Takes one loop step; `false` when the budget is gone.
pub fn take_step() -> bool {
    let cost = STEP_COST.get();
    match LEFT.get().checked_sub(cost) {
        Some(left) => {
            LEFT.set(left);
            true
        }
        None => {
            EXHAUSTED.set(true);
            false
        }
    }
}

/// Whether the last rendering on this thread ran out of steps.
pub fn exhausted() -> bool {
    EXHAUSTED.get()
}

/// Collects output up to a limit, then fails.
pub struct BoundedOutput {
    bytes: Vec<u8>,
    limit: usize,
    overflowed: bool,
}

impl BoundedOutput {
    pub fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, overflowed: false }
    }

    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl io::Write for &mut BoundedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            self.overflowed = true;
            return Err(io::Error::other("output limit reached"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
