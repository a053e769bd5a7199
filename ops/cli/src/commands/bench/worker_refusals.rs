use std::collections::HashMap;
use std::net::SocketAddr;

use crate::stack::Stack;

/// Send attempts of the workers, and those that met a refusal or had to ask again; also of workers that have died since.
#[derive(Debug, Default)]
pub struct WorkerRefusals {
    of: HashMap<SocketAddr, (f64, f64)>,
}

impl WorkerRefusals {
    /// Looks at every worker that answers.
    pub async fn look(&mut self, stack: &Stack) {
        for worker in &stack.workers {
            let Ok(scrape) = worker.scrape().await else { continue };
            // A re-ask that is refused is one attempt that met a refusal, not two.
            let asked_again = scrape.sum("postfleet_limit_reasks_total", "");
            let attempts = scrape.sum("postfleet_outcomes_total", "");
            self.of.insert(worker.process.ops, (asked_again, attempts + asked_again));
        }
    }

    pub fn rate(&self) -> f64 {
        let (asked, attempts) = self.of.values().fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        if attempts == 0.0 { 1.0 } else { asked / attempts }
    }
}
