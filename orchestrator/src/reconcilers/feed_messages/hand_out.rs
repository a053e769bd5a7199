use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use domain::ids::{JobId, SenderId};
use domain::jobs::SendJob;
use domain::limits::{BucketKey, Grant, TokenReturn};
use domain::messages::Priority;
use limits::Admitted;
use queue::{JobPush, not_pushed};
use store::Term;
use store::messages::{DueRow, FedRow};

use super::FeedMessages;
use super::asking::{asks, learn, share_out, steps_aside};
use super::sort_rows::SortedRows;
use super::state::{Exhausted, State};

const ROWS_PER_JOB: usize = 25;
const BY: &str = "feeder";
/// After this nothing that was granted before can still be on its way to being queued or committed.
const SETTLED_AFTER: Duration = Duration::from_secs(15);
/// Quotas counted in one pass: each is a look at the day's sends.
const CORRECTED_MAX: usize = 10;
const COUNT_AGAIN: Duration = Duration::from_secs(60);
/// A quota that refused nobody for so long may have given tokens in between.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(12);

impl FeedMessages {
    /// Asks for tokens, gives the rows that got some to jobs, and pushes those. Answers how many were pushed.
    pub(super) async fn hand_out(
        &self,
        term: Term,
        state: &mut State,
        sorted: SortedRows,
        shares: &HashMap<SenderId, u32>,
    ) -> anyhow::Result<u64> {
        let SortedRows { candidates, mut joiners, scarce } = sorted;
        let (asks, ask_of) = asks(&candidates, scarce);
        let admitted = self.parts.limits.admit(BY, &asks).await?;
        failpoint::hold("feeder.after_grant").await;
        let (granted, refused) = share_out(candidates, &ask_of, &admitted.verdicts);
        let day = admitted.tokens.day();
        let quotas =
            learn(&mut state.shortages, self.started.elapsed(), &asks, &admitted.verdicts, &*self.parts.limits.book()?);
        joiners.extend(refused.into_iter().filter(steps_aside(&admitted.verdicts)));

        let jobs = cut(granted, || self.parts.ids.next());
        let given: Vec<_> = jobs.iter().flat_map(|(job, rows)| rows.iter().map(|row| (row, *job))).collect();
        let fed = if given.is_empty() {
            HashSet::new()
        } else {
            match self.parts.store.messages().feed_rows(term, &given).await {
                Ok(fed) => fed,
                Err(error) => {
                    // Whether it happened or not, no job carries these tokens.
                    let returns: Vec<TokenReturn> =
                        jobs.iter().flat_map(|(_, rows)| returns(rows, &admitted)).collect();
                    self.give_back(returns).await;
                    return Err(error.into());
                }
            }
        };

        let mut unused: Vec<TokenReturn> = Vec::new();
        let mut pushes = Vec::with_capacity(jobs.len());
        for (id, rows) in jobs {
            let (rows, unfed): (Vec<DueRow>, Vec<DueRow>) =
                rows.into_iter().partition(|row| fed.contains(&row.message));
            unused.extend(returns(&unfed, &admitted));
            let Some(first) = rows.first() else { continue };
            let (tenant, sender) = (first.tenant, first.sender);
            state.turns.give(tenant, sender, rows.len() as u32);
            rows.iter().for_each(|row| state.left(row, false));
            let job = SendJob {
                id,
                pool: self.pool.clone(),
                tenant,
                sender,
                priority: rows.iter().map(|row| row.priority).min().unwrap_or(Priority::Normal),
                grant: Some(admitted.tokens.grant(tenant, sender, &domains(&rows))),
                rows: rows.into_iter().map(|row| row.message).collect(),
                alone: false,
            };
            pushes.push(JobPush { sender_max: shares.get(&sender).copied().unwrap_or(0), job });
        }
        failpoint::hold("feeder.before_push").await;
        let pushed = self.push(&pushes, &mut unused).await;
        failpoint::hold("feeder.after_push").await;
        self.give_back(unused).await;
        self.move_aside(term, state, &joiners).await?;
        let pushed = pushed?;
        self.load_quotas(&quotas.unknown, day).await?;
        self.correct_quotas(state, &quotas.exhausted, day).await?;
        Ok(pushed)
    }

    async fn give_back(&self, unused: Vec<TokenReturn>) {
        if let Err(error) = self.parts.limits.give_back(&unused).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "tokens that were not used drain by themselves");
        }
    }

    /// Rows that crashed go without tokens: the worker asks for them.
    pub(super) async fn hand_out_alone(&self, fed: &[FedRow]) -> anyhow::Result<u64> {
        let job = |row: &FedRow| SendJob {
            id: row.job,
            pool: self.pool.clone(),
            tenant: row.tenant,
            sender: row.sender,
            priority: row.priority,
            rows: vec![row.message],
            alone: true,
            grant: None,
        };
        let pushes: Vec<JobPush> = fed.iter().map(|row| JobPush { job: job(row), sender_max: 0 }).collect();
        self.push(&pushes, &mut Vec::new()).await
    }

    /// Pushes what was fed. What finds no room after all, or may not have arrived, goes back at once; of the former the
    /// tokens too.
    async fn push(&self, pushes: &[JobPush], unused: &mut Vec<TokenReturn>) -> anyhow::Result<u64> {
        let answers = self.parts.queue.push(&self.pool, pushes).await;
        let back = not_pushed(pushes, answers.as_deref().ok());
        if answers.is_ok() {
            unused.extend(back.iter().filter_map(|job| job.grant.as_ref()).flat_map(Grant::returns_all));
        }
        for job in &back {
            self.parts.store.messages().hand_back(job.id, &job.rows, Duration::ZERO).await?;
        }
        answers?;
        let rows = |job: &SendJob| job.rows.len() as u64;
        Ok(pushes.iter().map(|push| rows(&push.job)).sum::<u64>() - back.into_iter().map(rows).sum::<u64>())
    }

    /// Rows whose domain has no tokens make way, so that those behind them can go.
    async fn move_aside(&self, term: Term, state: &mut State, joiners: &[DueRow]) -> anyhow::Result<()> {
        if joiners.is_empty() {
            return Ok(());
        }
        let moves: Vec<_> = joiners.iter().map(|row| (row.message, &*row.domain)).collect();
        let moved = self.parts.store.messages().move_to_rooms(term, &moves).await?;
        metrics::counter!("postfleet_waiting_room_moves_total").increment(moved);
        for row in joiners {
            state.left(row, true);
            state.lanes.fill_room(row.tenant, row.sender, &row.domain);
        }
        Ok(())
    }

    /// Loads quotas that Redis does not know.
    async fn load_quotas(&self, unknown: &BTreeSet<BucketKey>, day: i64) -> anyhow::Result<()> {
        for bucket in unknown {
            if let Some(used) = self.parts.store.limits().quota_used(bucket, day).await? {
                self.parts.limits.load_quota(bucket, day, used).await?;
            }
        }
        Ok(())
    }

    /// Tells Redis now and then what Postgres has counted of quotas that it thinks used up, because a count can only leak
    /// upwards. It is exact, and comes last in a pass: what was granted before the refusals began is committed, queued or
    /// given up by then.
    async fn correct_quotas(&self, state: &mut State, exhausted: &BTreeSet<BucketKey>, day: i64) -> anyhow::Result<()> {
        if exhausted.is_empty() {
            return Ok(());
        }
        let now = self.started.elapsed();
        if state.quota_day != day {
            state.quota_day = day;
            state.exhausted.clear();
        }
        state.exhausted.retain(|_, times| now < times.refused + FORGOTTEN_AFTER);
        let mut asked = 0;
        for bucket in exhausted {
            let times =
                state.exhausted.entry(bucket.clone()).or_insert(Exhausted { since: now, refused: now, counted: now });
            times.refused = now;
            if asked == CORRECTED_MAX {
                break;
            }
            if now < times.since + SETTLED_AFTER || (times.counted > times.since && now < times.counted + COUNT_AGAIN) {
                continue;
            }
            times.counted = now;
            asked += 1;
            if let Some(used) = self.parts.store.limits().quota_used(bucket, day).await? {
                self.parts.limits.correct_quota(bucket, day, used).await?;
            }
        }
        Ok(())
    }
}

/// Cuts rows into jobs of one sender each, in their order.
fn cut(rows: Vec<DueRow>, mut id: impl FnMut() -> JobId) -> Vec<(JobId, Vec<DueRow>)> {
    let mut jobs: Vec<(JobId, Vec<DueRow>)> = Vec::new();
    let mut open: HashMap<SenderId, usize> = HashMap::new();
    for row in rows {
        let place = open.get(&row.sender).copied().filter(|place| jobs[*place].1.len() < ROWS_PER_JOB);
        let place = place.unwrap_or_else(|| {
            jobs.push((id(), Vec::with_capacity(ROWS_PER_JOB)));
            open.insert(row.sender, jobs.len() - 1);
            jobs.len() - 1
        });
        jobs[place].1.push(row);
    }
    jobs
}

/// The tokens of rows of one sender.
fn returns(rows: &[DueRow], admitted: &Admitted) -> Vec<TokenReturn> {
    let Some(first) = rows.first() else { return Vec::new() };
    admitted.tokens.grant(first.tenant, first.sender, &domains(rows)).returns_all()
}

fn domains(rows: &[DueRow]) -> Vec<&str> {
    rows.iter().map(|row| &*row.domain).collect()
}
