//! Group commit: requests that arrive together share one statement.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// Requests waiting for their turn; more than that wait at the door.
const INBOX: usize = 4_096;

pub struct Group<R, A> {
    inbox: mpsc::Sender<(R, oneshot::Sender<A>)>,
}

impl<R: Send + 'static, A: Send + 'static> Group<R, A> {
    /// Gathers up to `most` requests, or what comes within `linger`, and hands them to `run`, which answers each in
    /// order. At most `lanes` runs go on at once; while all are busy the next group grows.
    pub fn start<F, Fut>(most: usize, linger: Duration, lanes: usize, run: F) -> Self
    where
        F: Fn(Vec<R>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<A>> + Send + 'static,
    {
        let (inbox, requests) = mpsc::channel(INBOX);
        tokio::spawn(gather(requests, most, linger, Arc::new(Semaphore::new(lanes)), Arc::new(run)));
        Self { inbox }
    }

    /// Waits for the answer. `None` when the process ends before there is one.
    pub async fn ask(&self, request: R) -> Option<A> {
        let (answer, answered) = oneshot::channel();
        self.inbox.send((request, answer)).await.ok()?;
        answered.await.ok()
    }
}

async fn gather<R, A, F, Fut>(
    mut requests: mpsc::Receiver<(R, oneshot::Sender<A>)>,
    most: usize,
    linger: Duration,
    lanes: Arc<Semaphore>,
    run: Arc<F>,
) where
    R: Send + 'static,
    A: Send + 'static,
    F: Fn(Vec<R>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<A>> + Send + 'static,
{
    while let Some(first) = requests.recv().await {
        let Ok(lane) = Arc::clone(&lanes).acquire_owned().await else { return };
        let mut group = vec![first];
        let until = Instant::now() + linger;
        while group.len() < most {
            match timeout_at(until, requests.recv()).await {
                Ok(Some(next)) => group.push(next),
                Ok(None) | Err(_) => break,
            }
        }
        let run = Arc::clone(&run);
        tokio::spawn(async move {
            let (asked, waiting): (Vec<R>, Vec<_>) = group.into_iter().unzip();
            for (answer, waiting) in run(asked).await.into_iter().zip(waiting) {
                let _ = waiting.send(answer);
            }
            drop(lane);
        });
    }
}

#[cfg(test)]
mod tests;
