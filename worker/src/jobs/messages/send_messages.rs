use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::ids::{ContentId, MessageId};
use domain::jobs::SendJob;
use domain::messages::decide_send::{SendDecision, decide_send};
use domain::messages::refusal::{Phase, RefusalClass};
use providers::smtp::SmtpFailure;
use queue::{Delivery, Lease, Marked, Outcome};
use store::messages::{Expectation, LoadedRow};
use tokio::task::{self, JoinSet};

use super::look_at_hours::look_at_hours;
use super::read_answer::Try;
use super::send_message::{Left, START_WITHIN, Sending, send_message};
use crate::Context;
use crate::senders::{ReadySender, SenderError};
use crate::templates::CompiledResult;
use crate::tokens::JobTokens;

/// Sends the messages of one job through their sender's account.
///
/// Enqueued by `feed_messages`, and by the API for what may go at once. Safe twice: a row is sent only by who wins its
/// compare-and-set, and rows of another job are left alone. Changes: `message_runs`, `message_attempts`,
/// `suppressions`, the sender's faults; tokens that were not used go back with the lease.
pub async fn send_messages(delivery: Delivery<SendJob>, context: Arc<Context>) -> anyhow::Result<Outcome> {
    let Delivery { job, lease } = delivery;
    failpoint::hold("worker.after_fetch").await;
    let tokens = Arc::new(JobTokens::of(&job, &lease, &context.limits));
    if lease.age() > START_WITHIN || lease.is_stopping() {
        hand_back(&context, &job, &job.rows).await?;
        lease.give_back(tokens.take_unused());
        return Ok(Outcome::Skipped("started too late"));
    }
    let rows = context.store.messages().load_for_send(job.tenant, job.sender, &job.rows).await?;
    let rows = look_at_hours(&context, &job, rows).await?;
    failpoint::hold("worker.after_load").await;

    let (send, mut untouched) = decide(&context, &job, rows, &tokens).await;
    let refused = tokens.ensure(&send.iter().map(|row| (row.id, row.recipient_domain())).collect::<Vec<_>>()).await;
    let send: Vec<LoadedRow> = send.into_iter().filter(|row| !refused.contains(&row.id)).collect();
    // Not with the others at the end: the slowest send may take minutes.
    if hand_back(&context, &job, &refused).await.is_err() {
        untouched.extend(refused);
    }

    if let Some(version) = send.first().map(|row| row.sender_version) {
        let contents: Vec<ContentId> = send.iter().map(|row| row.content).collect();
        let contents = context.templates.compiled(job.tenant, &contents).await?;
        match context.senders.ready(job.tenant, job.sender, version).await {
            Ok(sender) => untouched.extend(act(&context, &job, &lease, &tokens, sender, contents, send).await?),
            Err(SenderError::Store(error)) => return Err(error.into()),
            Err(error) => {
                // The account's own fault: its messages wait until somebody has mended it.
                tracing::warn!(sender = %job.sender, %error, "a sender cannot be used");
                context.store.senders().charge_fault(job.tenant, job.sender, "auth").await?;
                let rows: Vec<MessageId> = send.iter().map(|row| row.id).collect();
                context.store.messages().hand_back(job.id, &rows, Duration::from_secs(60)).await?;
            }
        }
    }

    hand_back(&context, &job, &untouched).await?;
    lease.give_back(tokens.take_unused());
    failpoint::hold("worker.before_settle").await;
    Ok(Outcome::Done)
}

/// Splits rows into those to send and those to hand back; what ends here is recorded.
async fn decide(
    context: &Context,
    job: &SendJob,
    rows: Vec<LoadedRow>,
    tokens: &JobTokens,
) -> (Vec<LoadedRow>, Vec<MessageId>) {
    let found: HashSet<MessageId> = rows.iter().map(|row| row.id).collect();
    let missing: Vec<MessageId> = job.rows.iter().copied().filter(|row| !found.contains(row)).collect();
    missing.iter().for_each(|row| tokens.count_as_spent(*row));
    if !missing.is_empty() {
        // A job is made of rows of its sender: nothing of ours makes another, and nothing sends it.
        tracing::warn!(job = %job.id, rows = missing.len(), "rows of a job are not there, or are another sender's");
        metrics::counter!("postfleet_rows_missing_total").increment(missing.len() as u64);
    }
    let (mut send, mut untouched) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let this_try = Try {
            message: row.id,
            expect: Expectation::Job(job.id),
            tries: row.tries,
            address: &row.to_address,
            refused_for: Duration::ZERO,
            jitter: 0.0,
        };
        let ended = match decide_send(&row.facts, job.id) {
            SendDecision::Send => {
                send.push(row);
                continue;
            }
            SendDecision::Skip => {
                tokens.count_as_spent(row.id);
                continue;
            }
            SendDecision::HandBack(_) => {
                untouched.push(row.id);
                continue;
            }
            SendDecision::Wait(delay) => {
                // Should this not be kept, the row goes back with the others.
                if context.store.messages().hand_back(job.id, &[row.id], delay).await.is_err() {
                    untouched.push(row.id);
                }
                continue;
            }
            SendDecision::Suppress => this_try.suppressed(),
            SendDecision::FailNoSender => {
                this_try.failed(RefusalClass::SenderRejected, "the sender is archived".to_owned())
            }
        };
        context.record(job.tenant, ended.row).await;
    }
    (send, untouched)
}

/// Sends the rows; answers those that were not touched. Usually all at once, as far as the account's connections go.
/// A job that was handed out before, or whose row once crashed, goes row by row, each written into the lease first: if
/// this worker dies too, only that row is charged.
async fn act(
    context: &Arc<Context>,
    job: &SendJob,
    lease: &Lease,
    tokens: &Arc<JobTokens>,
    sender: Arc<ReadySender>,
    contents: HashMap<ContentId, CompiledResult>,
    rows: Vec<LoadedRow>,
) -> anyhow::Result<Vec<MessageId>> {
    let one_by_one = lease.is_redelivered() || job.alone;
    let mut untouched = Vec::new();
    let (mut sends, mut started) = (JoinSet::new(), HashMap::new());
    for row in rows {
        let id = row.id;
        let Some(content) = contents.get(&row.content).cloned() else {
            anyhow::bail!("the content {} of {id} is missing", row.content);
        };
        if one_by_one && lease.mark(id).await? == Marked::Gone {
            break;
        }
        let sending = Sending {
            context: Arc::clone(context),
            lease: lease.clone(),
            tokens: Arc::clone(tokens),
            job: job.id,
            tenant: job.tenant,
            sender_id: job.sender,
            sender: Arc::clone(&sender),
            content,
            row,
        };
        let tries = sending.row.tries;
        let running = sends.spawn(async move { (id, send_message(sending).await) });
        started.insert(running.id(), (id, tries));
        if one_by_one {
            collect(context, job, &mut sends, &started, &mut untouched).await;
        }
    }
    collect(context, job, &mut sends, &started, &mut untouched).await;
    if one_by_one {
        lease.clear_mark().await?;
    }
    Ok(untouched)
}

/// Waits for the sends that go on. One that panicked before its commit is tried again, at the price of a try; after it,
/// the deadline shows it as uncertain.
async fn collect(
    context: &Context,
    job: &SendJob,
    sends: &mut JoinSet<(MessageId, Left)>,
    started: &HashMap<task::Id, (MessageId, u32)>,
    untouched: &mut Vec<MessageId>,
) {
    while let Some(sent) = sends.join_next().await {
        match sent {
            Ok((id, Left::Untouched)) => untouched.push(id),
            Ok((_, Left::Recorded)) => {}
            Err(error) => {
                metrics::counter!("postfleet_send_panics_total").increment(1);
                let Some((message, tries)) = started.get(&error.id()).copied() else { continue };
                tracing::error!(%message, "a send panicked");
                let expect = Expectation::Job(job.id);
                let jitter = context.jitter.next();
                let this_try = Try { message, expect, tries, address: "", refused_for: Duration::ZERO, jitter };
                let fault = SmtpFailure::Broken { phase: Phase::Connect, why: "a fault of ours".to_owned() };
                context.record(job.tenant, this_try.read_failure(&fault).row).await;
            }
        }
    }
}

async fn hand_back(context: &Context, job: &SendJob, rows: &[MessageId]) -> store::Result<()> {
    if !rows.is_empty() {
        context.store.messages().hand_back(job.id, rows, Duration::ZERO).await?;
        metrics::counter!("postfleet_rows_handed_back_total").increment(rows.len() as u64);
    }
    Ok(())
}
