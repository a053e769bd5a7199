use std::sync::atomic::{AtomicUsize, Ordering};

/// Mails whose content was asked for and that are not answered yet: how many now, and how many at once so far.
#[derive(Debug, Default)]
pub struct InHand {
    now: AtomicUsize,
    most: AtomicUsize,
}

pub struct OneInHand<'a>(&'a InHand);

impl InHand {
    pub(super) fn enter(&self) -> OneInHand<'_> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        OneInHand(self)
    }

    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

impl Drop for OneInHand<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}
