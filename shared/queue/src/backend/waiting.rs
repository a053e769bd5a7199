use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;

use super::Delivery;

/// Jobs between the pump and their handlers. At a stop they are given back at once: nobody waits until the handlers
/// in flight have ended.
pub(super) struct Waiting<J> {
    deliveries: Mutex<VecDeque<Delivery<J>>>,
    worker: AtomicWaker,
}

impl<J> Default for Waiting<J> {
    fn default() -> Self {
        Self { deliveries: Mutex::default(), worker: AtomicWaker::new() }
    }
}

impl<J> Waiting<J> {
    pub(super) fn put(&self, deliveries: impl Iterator<Item = Delivery<J>>) {
        self.lock().extend(deliveries);
        self.worker.wake();
    }

    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Delivery<J>> {
        if let Some(delivery) = self.lock().pop_front() {
            return Poll::Ready(delivery);
        }
        self.worker.register(cx.waker());
        // Something may have come before the waker stood.
        self.lock().pop_front().map_or(Poll::Pending, Poll::Ready)
    }

    pub(super) fn take_all(&self) -> VecDeque<Delivery<J>> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Delivery<J>>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
