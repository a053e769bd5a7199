//! Hosts whose clocks are wrong. Only wall clocks: the monotonic one is what local deadlines go by.

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::messages::MessageState;
use e2e::{Fleet, System};
use testkit::{SinkOptions, until};

const DAY: i64 = 24 * 3_600;

/// The library that lies to a process about the time; `ops/prerequisites` installs it.
fn faketime() -> anyhow::Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib")?.filter_map(|entry| Some(entry.ok()?.path().join("faketime")));
    let libraries = folders.map(|folder| folder.join("libfaketimeMT.so.1"));
    libraries
        .into_iter()
        .find(|file| file.is_file())
        .ok_or_else(|| anyhow::anyhow!("libfaketime was not found; ops/prerequisites installs it"))
}

/// Starts a process whose wall clock is off by so many seconds, as `file` says at any moment.
fn start_off(fleet: &mut Fleet, role: &str, library: &Path, file: &Path, seconds: i64) -> anyhow::Result<usize> {
    set_off(file, seconds)?;
    let (library, file) = (library.display().to_string(), file.display().to_string());
    let environment = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", file.as_str()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("POSTFLEET_LOG", "info"),
    ];
    fleet.start_with(&[role], &environment)
}

fn set_off(file: &Path, seconds: i64) -> std::io::Result<()> {
    std::fs::write(file, format!("{seconds:+}\n"))
}

#[tokio::test]
async fn c1_hosts_ten_minutes_and_a_day_off_and_one_that_jumps_send_each_message_once_and_none_early()
-> anyhow::Result<()> {
    let (library, folder) = (faketime()?, tempfile::tempdir()?);
    let system = System::without_orchestrator(&SinkOptions { answer_after_ms: 20, ..SinkOptions::default() }).await?;
    let mut fleet = Fleet::on(&system);
    let log = folder.path().join("log");
    fleet.log_to(&log);
    let file = |name: &str| folder.path().join(name);
    start_off(&mut fleet, "orchestrator", &library, &file("leader"), DAY)?;
    system.until_led().await;
    start_off(&mut fleet, "orchestrator", &library, &file("follower"), -600)?;
    let offs = [("ahead", 600), ("behind", -600), ("tomorrow", DAY)];
    for (name, off) in offs {
        let worker = start_off(&mut fleet, "worker", &library, &file(name), off)?;
        fleet.until_registered(worker, &system.database).await;
    }

    let mut later = system.build.message(system.sender, "later@recipients.example");
    let now: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("SELECT postfleet_now()").fetch_one(&mut system.database.connection().await?).await?;
    later.message.send_at = Some(now + chrono::TimeDelta::hours(1));
    system.store.messages().enqueue_messages(system.tenant, std::slice::from_ref(&later)).await?;
    system.build.scheduled(system.tenant, system.sender, 600).await?;
    // One jumps a day forward in the middle of it, and another an hour back.
    until("work is under way", async || Ok(system.sink.accepted()?.len() >= 100)).await;
    set_off(&file("ahead"), DAY)?;
    set_off(&file("leader"), DAY - 3_600)?;
    until("all that is due was sent", async || Ok(system.sink.accepted()?.len() >= 600)).await;

    // Nobody's job was taken for abandoned, nobody was written off.
    let open = "SELECT count(*) FROM message_runs WHERE state NOT IN ('accepted', 'scheduled')";
    until("all of it is recorded", async || Ok(system.database.count(open).await? == 0)).await;
    assert_eq!(system.state(later.id).await?, MessageState::Scheduled);
    assert_eq!(system.judge().await?.get("accepted"), Some(&600));
    for (what, query) in [
        ("written off", "SELECT count(*) FROM workers WHERE state = 'lost'"),
        ("charged", "SELECT count(*) FROM message_runs WHERE tries > 1 OR crashes > 0"),
        ("changes of the leader", "SELECT max(term) - 1 FROM leaders"),
    ] {
        assert_eq!(system.database.count(query).await?, 0, "{what}");
    }
    assert!(lied_to(&log, now, DAY)? && lied_to(&log, now, -600)?, "the clocks were off indeed");

    system.database.advance(Duration::from_secs(3_600)).await?;
    system.until_state(later.id, MessageState::Accepted).await;
    Ok(())
}

/// Whether some line of the log bears a time that is off by about so much.
fn lied_to(log: &Path, now: chrono::DateTime<chrono::Utc>, off: i64) -> anyhow::Result<bool> {
    let text = std::fs::read_to_string(log)?;
    let times =
        text.lines().filter_map(|line| line.split_whitespace().next()?.parse::<chrono::DateTime<chrono::Utc>>().ok());
    Ok(times.into_iter().any(|time| ((time - now).num_seconds() - off).abs() < 120))
}
