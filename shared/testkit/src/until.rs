use std::time::{Duration, Instant};

pub const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until something holds, and fails with its name if it does not within half a minute.
pub async fn until<F>(what: &str, holds: impl FnMut() -> F)
where
    F: Future<Output = anyhow::Result<bool>>,
{
    until_within(PATIENCE, what, holds).await;
}

pub async fn until_within<F>(patience: Duration, what: &str, mut holds: impl FnMut() -> F)
where
    F: Future<Output = anyhow::Result<bool>>,
{
    let since = Instant::now();
    let mut last = None;
    while since.elapsed() < patience {
        match holds().await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("waited {patience:?} in vain for: {what} (last error: {last:?})");
}
