use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use domain::ids::MessageId;
use domain::jobs::PoolName;
use domain::messages::MessageState;
use e2e::{Fleet, System};
use nix::sys::signal::Signal;
use reqwest::StatusCode;
use serde_json::json;
use testkit::sink::{Action, Moment};
use testkit::{until, until_within};

/// A killed worker's jobs run again this soon, also where nobody saw it die.
const AGAIN_WITHIN: Duration = Duration::from_secs(15);
const MESSAGES: usize = 5;

/// A worker that nobody supervises was killed at a failpoint; another has come up.
struct Killed {
    system: System,
    fleet: Fleet,
    messages: Vec<MessageId>,
    since: Instant,
}

impl Killed {
    async fn at(point: &str) -> anyhow::Result<Self> {
        let system = System::start().await?;
        let mut fleet = Fleet::on(&system);
        let victim = fleet.start_to(&["worker"], &format!("{point}=return(kill)"))?;
        fleet.until_registered(victim, &system.database).await;
        let messages = system.build.scheduled(system.tenant, system.sender, MESSAGES).await?;
        let (status, _) = fleet.ended(victim, Duration::from_secs(30)).await?;
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32));
        let since = Instant::now();
        fleet.start(&["worker"])?;
        Ok(Self { system, fleet, messages, since })
    }

    /// Nothing was past the point of no return: all of it is done again, once, and nobody is charged.
    async fn sends_by_another(self) -> anyhow::Result<()> {
        until_within(
            AGAIN_WITHIN,
            "what it held was sent",
            async || Ok(self.system.sink.accepted()?.len() == MESSAGES),
        )
        .await;
        println!("a killed worker's jobs were done again after {:?}", self.since.elapsed());
        let counts = self.system.settle_and_judge().await?;
        assert_eq!(counts.get("accepted"), Some(&MESSAGES), "{counts:?}");
        let charged = "SELECT count(*) FROM message_runs WHERE crashes > 0 OR tries <> 1";
        assert_eq!(self.system.database.count(charged).await?, 0);
        Ok(())
    }
}

#[tokio::test]
async fn w1_a_worker_killed_after_its_fetch_leaves_its_job_to_another_within_15_seconds() -> anyhow::Result<()> {
    Killed::at("queue.after_claim").await?.sends_by_another().await
}

#[tokio::test]
async fn w2_a_worker_killed_after_loading_its_rows_leaves_them_free_and_each_is_sent_once() -> anyhow::Result<()> {
    Killed::at("worker.after_load").await?.sends_by_another().await
}

#[tokio::test]
async fn w3_a_worker_killed_after_rcpt_leaves_its_rows_free_and_each_is_sent_once() -> anyhow::Result<()> {
    Killed::at("worker.after_rcpt").await?.sends_by_another().await
}

#[tokio::test]
async fn w4_rows_of_a_worker_killed_after_its_compare_and_set_are_shown_as_uncertain_and_never_sent()
-> anyhow::Result<()> {
    let killed = Killed::at("worker.after_commit").await?;
    let committed =
        killed.system.database.count("SELECT count(*) FROM message_runs WHERE state = 'committing'").await?;
    assert!(committed > 0);
    let counts = killed.system.settle_and_judge().await?;
    assert_eq!(counts.get("uncertain"), Some(&(committed as usize)), "{counts:?}");
    assert_eq!(
        killed.system.sink.accepted()?.len(),
        MESSAGES - committed as usize,
        "the others were sent, and only they"
    );
    for message in &killed.messages {
        let (state, taken) = (killed.system.state(*message).await?, killed.system.taken(*message)?);
        assert_eq!(taken, usize::from(state == MessageState::Accepted), "{state}");
    }
    Ok(())
}

#[tokio::test]
async fn w5_a_mail_whose_answer_its_worker_did_not_live_to_read_is_uncertain_until_somebody_knows() -> anyhow::Result<()>
{
    let system = System::start().await?;
    let mut fleet = Fleet::on(&system);
    system.sink.rule(Moment::Dot, None, Some(1), Action::AcceptAfterMs(600_000))?;
    let victim = fleet.start(&["worker"])?;
    fleet.until_registered(victim, &system.database).await;
    let message = system.message("ann@recipients.example").await?;
    until("the sink has it and does not answer", async || Ok(system.taken(message)? == 1)).await;
    assert_eq!(system.state(message).await?, MessageState::Committing);
    fleet.signal(victim, Signal::SIGKILL)?;
    fleet.start(&["worker"])?;
    system.until_state(message, MessageState::Uncertain).await;
    let body = json!({ "verdict": "accepted" });
    let (status, answer) = system.serve().await?.post(&format!("/v1/messages/{message}/resolve"), &body).await?;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(system.settle_and_judge().await?.get("accepted"), Some(&1));
    Ok(())
}

#[tokio::test]
async fn w6_what_was_taken_and_not_recorded_is_uncertain_and_not_sent_again() -> anyhow::Result<()> {
    let killed = Killed::at("worker.before_record").await?;
    let taken = killed.system.sink.accepted()?.len();
    assert!(taken > 0);
    let counts = killed.system.settle_and_judge().await?;
    let (accepted, uncertain) = (counts.get("accepted").copied().unwrap_or(0), counts.get("uncertain").copied());
    assert!(uncertain >= Some(taken), "{counts:?}");
    assert_eq!(accepted + uncertain.unwrap_or(0), MESSAGES, "{counts:?}");
    Ok(())
}

#[tokio::test]
async fn w7_a_job_whose_rows_are_recorded_and_that_was_not_settled_runs_again_and_sends_nothing() -> anyhow::Result<()>
{
    let Killed { system, fleet, since, .. } = Killed::at("worker.before_settle").await?;
    assert_eq!(system.sink.accepted()?.len(), MESSAGES);
    let pool = PoolName::send_shared();
    assert_eq!(system.queue.audit(&pool).await?.jobs, 1, "it stands until somebody settles it");
    until_within(AGAIN_WITHIN, "somebody does", async || Ok(system.queue.audit(&pool).await?.jobs == 0)).await;
    println!("an unsettled job was settled by another after {:?}", since.elapsed());
    assert_eq!(system.queue.audit(&pool).await?.rows, 0);
    assert_eq!(system.settle_and_judge().await?.get("accepted"), Some(&MESSAGES));
    drop(fleet);
    Ok(())
}
