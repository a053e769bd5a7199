//! Orchestrators that die, freeze, are cut off, or cannot renew.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use domain::jobs::PoolName;
use e2e::{Client, Fleet, System};
use nix::sys::signal::Signal;
use orchestrator::Parts;
use queue::{Keys, QueueLink};
use runtime::Ids;
use store::{Store, StoreOptions};
use testkit::proxy::Fault;
use testkit::{SinkOptions, until, until_within};

use super::interleavings::proxy_to_postgres;

/// How long a leadership lasts without renewal.
const TTL: Duration = Duration::from_secs(5);
const SLOW_SINK: SinkOptions = SinkOptions { answer_after_ms: 10, tls: None, login: None };
const TERM: &str = "SELECT term FROM leaders";

/// An orchestrator process, and where it tells whether it leads.
struct Candidate {
    place: usize,
    ops: Client,
}

impl Candidate {
    fn start(fleet: &mut Fleet, failpoints: &str) -> anyhow::Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let listen = format!("127.0.0.1:{port}");
        let place = fleet
            .start_with(&["orchestrator"], &[("POSTFLEET_OPS_LISTEN", listen.as_str()), ("FAILPOINTS", failpoints)])?;
        Ok(Self { place, ops: Client::new(format!("http://{listen}"), String::new()) })
    }

    /// What it says of itself. One that is frozen or gone says nothing.
    async fn leads(&self) -> Option<bool> {
        let asked = self.ops.send("GET", "/metrics", &[], "");
        let answer = tokio::time::timeout(Duration::from_secs(1), asked).await.ok()?.ok()?;
        answer.text.lines().find_map(|line| line.strip_prefix("postfleet_leader ")).map(|value| value == "1")
    }

    async fn until_it_leads(&self) {
        until("it leads", async || Ok(self.leads().await == Some(true))).await;
    }

    async fn until_it_follows(&self) {
        until("it follows", async || Ok(self.leads().await == Some(false))).await;
    }
}

async fn leader_of(candidates: &[Candidate]) -> Vec<usize> {
    let mut leading = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        if candidate.leads().await == Some(true) {
            leading.push(at);
        }
    }
    leading
}

#[tokio::test]
async fn l1_of_three_orchestrators_one_leads_and_when_it_is_killed_or_frozen_another_does() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SLOW_SINK).await?;
    let mut fleet = Fleet::on(&system);
    let mut candidates =
        (0..3).map(|_| Candidate::start(&mut fleet, "")).collect::<anyhow::Result<Vec<Candidate>>>()?;
    system.until_led().await;
    let worker = system.work()?;
    for candidate in &candidates {
        until("it is up", async || Ok(candidate.leads().await.is_some())).await;
    }
    assert_eq!(leader_of(&candidates).await.len(), 1);

    system.build.scheduled(system.tenant, system.sender, 300).await?;
    until("work is under way", async || Ok(system.sink.accepted()?.len() >= 50)).await;
    let leader = leader_of(&candidates).await[0];
    let killed = candidates.remove(leader);
    fleet.signal(killed.place, Signal::SIGKILL)?;
    let since = Instant::now();
    until("another leads", async || Ok(leader_of(&candidates).await.len() == 1)).await;
    println!("a killed leader was replaced after {:?}", since.elapsed());

    system.build.scheduled(system.tenant, system.sender, 300).await?;
    let leader = leader_of(&candidates).await[0];
    let frozen = candidates.remove(leader);
    fleet.signal(frozen.place, Signal::SIGSTOP)?;
    let since = Instant::now();
    candidates[0].until_it_leads().await;
    println!("a frozen leader was replaced after {:?}", since.elapsed());
    let term = system.database.count(TERM).await?;
    system.until_settled().await;
    until("it was frozen for three terms", async || Ok(since.elapsed() >= 3 * TTL)).await;
    fleet.signal(frozen.place, Signal::SIGCONT)?;
    frozen.until_it_follows().await;

    system.build.scheduled(system.tenant, system.sender, 100).await?;
    assert_eq!(system.settle_and_judge().await?.get("accepted"), Some(&700));
    assert_eq!(system.database.count(TERM).await?, term, "nobody but the new one has led since");
    assert_eq!(candidates[0].leads().await, Some(true));
    worker.stop().await
}

#[tokio::test]
async fn l1_a_leader_killed_anywhere_between_grant_and_push_loses_nothing_and_repeats_nothing() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let mut fleet = Fleet::on(&system);
    let worker = system.work()?;
    for point in ["feeder.after_grant", "feeder.before_push", "feeder.after_push"] {
        let victim = Candidate::start(&mut fleet, &format!("{point}=return(kill)"))?;
        victim.until_it_leads().await;
        system.build.scheduled(system.tenant, system.sender, 10).await?;
        let (status, _) = fleet.ended(victim.place, Duration::from_secs(30)).await?;
        assert!(!status.success(), "{point}");
    }
    system.orchestrate()?;
    system.until_led().await;
    assert_eq!(system.settle_and_judge().await?.get("accepted"), Some(&30));
    until_nothing_stands(&system).await;
    worker.stop().await
}

#[tokio::test]
async fn l1_a_leader_frozen_between_grant_and_push_wakes_up_and_changes_nothing() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let mut fleet = Fleet::on(&system);
    let worker = system.work()?;
    let mut frozen = Vec::new();
    for point in ["feeder.after_grant", "feeder.before_push"] {
        let leader = Candidate::start(&mut fleet, &format!("{point}=1*return(freeze)"))?;
        leader.until_it_leads().await;
        system.build.scheduled(system.tenant, system.sender, 10).await?;
        fleet.until_frozen(leader.place).await;
        frozen.push(leader);
    }
    system.orchestrate()?;
    system.until_led().await;
    until("another has taken over and all is sent", async || Ok(system.sink.accepted()?.len() == 20)).await;
    let term = system.database.count(TERM).await?;
    for leader in &frozen {
        fleet.signal(leader.place, Signal::SIGCONT)?;
        // What it was about to do is done by now: it writes rows for a term that is over, or pushes a job of rows that are
        // another job's.
        leader.until_it_follows().await;
    }
    until_nothing_stands(&system).await;
    assert_eq!(system.settle_and_judge().await?.get("accepted"), Some(&20));
    assert_eq!(system.database.count(TERM).await?, term);
    worker.stop().await
}

#[tokio::test]
async fn l1_a_leader_cut_off_from_postgres_trusts_itself_for_less_than_its_term_and_its_writes_are_refused()
-> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let (proxy, url) = proxy_to_postgres(&system).await?;
    let store = Store::connect(&url, &StoreOptions::new("cut off"))?;
    let cut_off = Parts::new(store, QueueLink::connect(&system.redis.url(), Keys::default())?, Ids::system());
    let term = cut_off.leadership.stand().await?.expect("nobody else stands");
    let other = Parts::new(system.store.clone(), system.queue.clone(), Ids::system());
    assert_eq!(other.leadership.stand().await?, None);

    // Its renewals arrive, and the answers do not: in Postgres it goes on leading, and it knows better.
    proxy.set(Fault { drop_replies: true, ..Fault::default() });
    let since = Instant::now();
    let renewing = tokio::spawn({
        let leadership = cut_off.leadership.clone();
        async move { leadership.stand().await }
    });
    until_within(TTL, "it trusts itself no more", async || Ok(cut_off.leadership.term().is_none())).await;
    println!("a leader that was cut off conceded after {:?}", since.elapsed());
    until("another leads", async || Ok(other.leadership.stand().await?.is_some())).await;
    assert_eq!(other.leadership.term().map(|new| new.number), Some(term.number + 1));
    assert!(system.store.fleet().raise_beat(term, 10.0).await?.is_none(), "a write of the old term");
    renewing.abort();
    Ok(())
}

#[tokio::test]
async fn l2_a_leader_whose_renewals_fail_concedes_and_one_whose_renewals_are_slow_gains_nothing_by_them()
-> anyhow::Result<()> {
    tokio::try_join!(
        concedes("leader.before_renewal=3*off->return(fail)"),
        concedes("leader.after_renewal=3*off->return(wait:8000)")
    )?;
    Ok(())
}

async fn concedes(renewal: &str) -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let mut fleet = Fleet::on(&system);
    let ailing = Candidate::start(&mut fleet, renewal)?;
    ailing.until_it_leads().await;
    let term = system.database.count(TERM).await?;
    let healthy = Candidate::start(&mut fleet, "")?;
    ailing.until_it_follows().await;
    healthy.until_it_leads().await;
    assert_eq!(system.database.count(TERM).await?, term + 1, "{renewal}");
    let worker = system.work()?;
    system.build.scheduled(system.tenant, system.sender, 50).await?;
    assert_eq!(system.settle_and_judge().await?.get("accepted"), Some(&50), "{renewal}");
    assert_eq!(system.database.count(TERM).await?, term + 1, "the ailing one leads no more: {renewal}");
    worker.stop().await
}

async fn until_nothing_stands(system: &System) {
    until_within(Duration::from_secs(40), "Redis holds no job any more", async || {
        let audit = system.queue.audit(&PoolName::send_shared()).await?;
        Ok(audit.jobs == 0 && audit.rows == 0)
    })
    .await;
}
