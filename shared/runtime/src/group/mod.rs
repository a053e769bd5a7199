//! Group commit: requests that arrive together share one statement.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout};

/// Requests waiting for their turn; more than that wait at the door.
const INBOX: usize = 4_096;
/// A group is closed when nobody came for so long.
const GAP: Duration = Duration::from_millis(4);

pub struct Group<R, A> {
    inbox: mpsc::Sender<(R, oneshot::Sender<A>)>,
}

impl<R: Send + 'static, A: Send + 'static> Group<R, A> {
    /// Gathers up to `most` requests and hands them to `run`, which answers each in order. Where nothing is under way a
    /// request goes at once; else those that follow each other closely are gathered for up to `linger`, so that what a
    /// statement costs beside its rows is shared by more of them the busier it is. At most `lanes` runs go on at once;
    /// while all are busy the next group grows.
    pub fn start<F, Fut>(most: usize, linger: Duration, lanes: usize, run: F) -> Self
    where
        F: Fn(Vec<R>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<A>> + Send + 'static,
    {
        let (inbox, requests) = mpsc::channel(INBOX);
        tokio::spawn(gather(requests, (most, linger, lanes), Arc::new(run)));
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
    (most, linger, lanes_max): (usize, Duration, usize),
    run: Arc<F>,
) where
    R: Send + 'static,
    A: Send + 'static,
    F: Fn(Vec<R>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<A>> + Send + 'static,
{
    let lanes = Arc::new(Semaphore::new(lanes_max));
    let mut group = Vec::with_capacity(most);
    while requests.recv_many(&mut group, most).await > 0 {
        let since = Instant::now();
        while group.len() < most && lanes.available_permits() < lanes_max && since.elapsed() < linger {
            let (room, left) = (most - group.len(), linger.saturating_sub(since.elapsed()));
            match timeout(GAP.min(left), requests.recv_many(&mut group, room)).await {
                Ok(more) if more > 0 => {}
                _ => break,
            }
        }
        let Ok(lane) = Arc::clone(&lanes).acquire_owned().await else { return };
        // Those that came while all lanes were busy.
        while group.len() < most {
            let Ok(next) = requests.try_recv() else { break };
            group.push(next);
        }
        let (group, run) = (std::mem::replace(&mut group, Vec::with_capacity(most)), Arc::clone(&run));
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
