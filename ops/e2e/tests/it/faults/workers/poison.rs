use std::time::{Duration, Instant};

use domain::ids::MessageId;
use domain::messages::MessageState;
use e2e::{Fleet, System};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::sink::{Action, Moment};
use testkit::{SinkOptions, until_within};

#[tokio::test]
async fn w10_one_poison_row_among_a_hundred_ends_in_quarantine_and_the_others_are_sent_once() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let mut fleet = Fleet::on(&system);
    fleet.start(&["orchestrator", "--spawn", "1"])?;
    system.until_led().await;
    // Whoever handles it dies, as by the kernel where memory runs out: the sink holds its RCPT, and we kill the worker that
    // waits there.
    system.sink.rule(Moment::Rcpt, Some("poison@"), None, Action::Hang)?;
    let mut rows: Vec<_> =
        (0..99).map(|at| system.build.message(system.sender, &format!("r{at}@recipients.example"))).collect();
    rows.insert(41, system.build.message(system.sender, "poison@recipients.example"));
    let poison = rows[41].id;
    system.store.messages().enqueue_messages(system.tenant, &rows).await?;

    let mut kills = 0;
    let since = Instant::now();
    while system.state(poison).await? != MessageState::Quarantined {
        assert!(since.elapsed() < Duration::from_secs(90), "not quarantined after {kills} kills");
        let hung = system.sink.times("rcpt")?;
        if hung > kills {
            kills = hung;
            for pid in fleet.worker_pids(&system.database).await? {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let counts = system.settle_and_judge().await?;
    let shown = counts.get("accepted").copied().unwrap_or(0) + counts.get("uncertain").copied().unwrap_or(0);
    assert_eq!((shown, counts.get("quarantined")), (99, Some(&1)), "{counts:?}");
    assert!((3..=6).contains(&kills), "{kills} workers died of it");
    Ok(())
}

#[tokio::test]
async fn w10_workers_that_abort_again_and_again_are_restarted_and_lose_nothing() -> anyhow::Result<()> {
    const MESSAGES: usize = 100;
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let mut fleet = Fleet::on(&system);
    // Also of a row that is done: a stack that overflows and an allocation that fails end a process the same way.
    fleet.start_to(&["orchestrator", "--spawn", "1"], "worker.after_record=12*off->return(abort)")?;
    system.until_led().await;
    system.build.scheduled(system.tenant, system.sender, MESSAGES).await?;
    let counts = system.settle_and_judge().await?;
    let (accepted, uncertain) =
        (counts.get("accepted").copied().unwrap_or(0), counts.get("uncertain").copied().unwrap_or(0));
    assert_eq!(accepted + uncertain, MESSAGES, "{counts:?}");
    let starts = system.database.count("SELECT count(*) FROM workers").await?;
    assert!(starts >= 3, "{starts} workers were started");
    assert!(uncertain <= 10 * starts as usize, "no more than each had in its hands: {counts:?}");
    Ok(())
}

#[tokio::test]
async fn w10_a_panic_costs_its_message_at_most_a_try_and_the_worker_lives() -> anyhow::Result<()> {
    let system = System::start().await?;
    let mut fleet = Fleet::on(&system);
    let points = ["worker.after_load", "worker.after_rcpt", "worker.after_commit", "worker.before_record"];
    let orders = points.map(|point| format!("{point}=1*return(panic)")).join(";");
    let worker = fleet.start_to(&["worker"], &orders)?;
    fleet.until_registered(worker, &system.database).await;
    // The whole job, the try before the point of no return, and then twice behind it.
    let first = system.message("ann@recipients.example").await?;
    let hurry = "UPDATE message_runs SET run_at = postfleet_now() WHERE state = 'scheduled'";
    let state = async |message: MessageId, wanted: MessageState| {
        until_within(Duration::from_secs(30), &format!("it is {wanted}"), async || {
            sqlx::query(hurry).execute(&mut system.database.connection().await?).await?;
            Ok(system.state(message).await? == wanted)
        })
        .await;
    };
    state(first, MessageState::Committing).await;
    let second = system.message("bob@recipients.example").await?;
    testkit::until("it was sent and the worker fell over it", async || Ok(system.taken(second)? == 1)).await;
    let third = system.message("eve@recipients.example").await?;
    state(third, MessageState::Accepted).await;
    assert!(!fleet.froze(worker)?, "it is the same process still");

    // Nobody answers for the two that were behind it: their deadline shows them.
    system.database.advance(Duration::from_secs(12 * 60)).await?;
    state(first, MessageState::Uncertain).await;
    state(second, MessageState::Uncertain).await;
    assert_eq!((system.taken(first)?, system.taken(second)?), (0, 1));
    let counts = system.settle_and_judge().await?;
    assert_eq!((counts.get("uncertain"), counts.get("accepted")), (Some(&2), Some(&1)), "{counts:?}");
    Ok(())
}
