use domain::jobs::{PoolName, SendJob};
use link::Arg;

use crate::{QueueError, QueueJob, QueueLink, Result, scripts};

/// Jobs in one call of the script: bounds how long Redis serves nobody else.
const PUSH_BATCH_MAX: usize = 50;

/// A job to be pushed, and how many rows its sender may hold in the window (0: what the leader last measured).
#[derive(Debug, Clone)]
pub struct JobPush<J = SendJob> {
    pub job: J,
    pub sender_max: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    Yes,
    /// The window is full: its rows go back to `scheduled`.
    Refused,
}

/// The jobs whose rows go back: those that were refused or, without an answer, all of them, because any of them may
/// not have arrived.
pub fn not_pushed<'a, J>(pushes: &'a [JobPush<J>], answers: Option<&[Pushed]>) -> Vec<&'a J> {
    let refused = |at: usize| answers.is_none_or(|answers| answers.get(at) != Some(&Pushed::Yes));
    pushes.iter().enumerate().filter(|(at, _)| refused(*at)).map(|(_, push)| &push.job).collect()
}

impl QueueLink {
    /// Pushes jobs of one pool and answers for each in order. After an error some may stand and some not; pushing
    /// them again, or leaving them to the rescue, are both safe.
    pub async fn push<J: QueueJob>(&self, pool: &PoolName, pushes: &[JobPush<J>]) -> Result<Vec<Pushed>> {
        let keys = self.keys();
        let [high, normal, low] = keys.ready(pool);
        let names = [
            keys.pulse(),
            keys.window(),
            keys.caps(),
            keys.reserved(),
            keys.reservations(),
            keys.pool(pool, "data"),
            high,
            normal,
            low,
        ];
        let wake = keys.wake(pool);
        let mut answers = Vec::with_capacity(pushes.len());
        for chunk in pushes.chunks(PUSH_BATCH_MAX) {
            let mut args = Vec::with_capacity(1 + chunk.len() * 7);
            args.push(Arg::Text(&wake));
            for push in chunk {
                let head = push.job.head();
                let body = push.job.body().map_err(|_| QueueError::Unreadable)?;
                args.extend([
                    Arg::Owned(head.id.to_string()),
                    Arg::Owned(head.tenant.to_string()),
                    Arg::Owned(head.sender.to_string()),
                    Arg::Number(i64::from(head.rows)),
                    Arg::Number(i64::from(head.priority.rank())),
                    Arg::Number(i64::from(push.sender_max)),
                    Arg::Owned(body),
                ]);
            }
            let answer = self.call(&scripts::PUSH, &names, &args).await?;
            if answer.rest.len() != chunk.len() {
                return Err(QueueError::Unreadable);
            }
            answers.extend(answer.rest.iter().map(|taken| if taken == "1" { Pushed::Yes } else { Pushed::Refused }));
        }
        Ok(answers)
    }
}
