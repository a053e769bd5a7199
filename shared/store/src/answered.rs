use std::io::ErrorKind;
use std::time::Duration;

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use tokio::time::error::Elapsed;

use crate::{Result, StoreError};

/// Longer than the server lets a statement run: who has not answered by then is gone, without a word.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Asks, and waits no longer for the answer than it may take: a connection whose other end vanished would else be waited
/// for as long as the kernel believes in it, with a job's lease, a leader's term or a lane of commits behind it.
macro_rules! answered {
    ($pool:expr, $query:expr, $fetch:ident) => {{
        let mut connection = $pool.acquire().await?;
        let answer = tokio::time::timeout(crate::answered::ANSWER_WITHIN, $query.$fetch(&mut *connection)).await;
        crate::answered::settle(connection, answer)?
    }};
}
pub(crate) use answered;

/// A connection that did not answer in time is closed, never used again.
pub(crate) fn settle<T>(
    mut connection: PoolConnection<Postgres>,
    answer: std::result::Result<sqlx::Result<T>, Elapsed>,
) -> Result<T> {
    match answer {
        Ok(answer) => Ok(answer?),
        Err(_) => {
            connection.close_on_drop();
            Err(StoreError::Unavailable(sqlx::Error::Io(ErrorKind::TimedOut.into())))
        }
    }
}
