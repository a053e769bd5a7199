use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime::config::{DatabaseConfig, SecretsConfig};
use store::{Store, StoreOptions};
use tokio::time::timeout;

use super::Finding;

const WITHIN: Duration = Duration::from_secs(8);
const VERSION_MIN: i32 = 150_000;

/// Answers Postgres's time too, if it told one.
pub async fn look(config: &DatabaseConfig, secrets: &SecretsConfig) -> (Vec<Finding>, Option<DateTime<Utc>>) {
    let options = StoreOptions::new("postfleet doctor").connections_max(1);
    let store = match Store::connect(&config.database_url, &options) {
        Ok(store) => store,
        Err(error) => return (vec![Finding::wrong("postgres", text(&error), URL_HELP)], None),
    };
    let health = match timeout(WITHIN, store.health()).await {
        Ok(Ok(health)) => health,
        Ok(Err(error)) => return (vec![Finding::wrong("postgres", text(&error), URL_HELP)], None),
        Err(_) => return (vec![Finding::wrong("postgres", "it does not answer", URL_HELP)], None),
    };
    let mut findings = vec![if health.version_number >= VERSION_MIN {
        Finding::fine("postgres", format!("version {}", health.version))
    } else {
        Finding::wrong("postgres", format!("version {}", health.version), "Postfleet needs 15 or newer")
    }];
    findings.push(if health.fsync && health.synchronous_commit != "off" {
        Finding::fine("durability", format!("fsync on, synchronous_commit {}", health.synchronous_commit))
    } else {
        Finding::wrong(
            "durability",
            format!("fsync {}, synchronous_commit {}", health.fsync, health.synchronous_commit),
            "a 2xx must mean that the message survives a crash: set fsync = on and synchronous_commit = on",
        )
    });
    let free = health.connections_max - health.connections_used;
    findings.push(if free >= 20 {
        Finding::fine("connections", format!("{} of {} in use", health.connections_used, health.connections_max))
    } else {
        Finding::advice(
            "connections",
            format!("{} of {} in use", health.connections_used, health.connections_max),
            "each process opens up to POSTFLEET_DATABASE_CONNECTIONS: raise max_connections or lower that",
        )
    });
    let newest = migrations::newest();
    let migrated = store.schema().has_step(newest).await.unwrap_or(false);
    if !migrated {
        let found = format!("{newest} has not been applied");
        findings.push(Finding::wrong("schema", found, "run `postfleet migrate`; roles wait for it"));
        return (findings, Some(health.now));
    }
    findings.push(Finding::fine("schema", newest));
    findings.extend(fleet(&store).await);
    findings.extend(keys(&store, secrets).await);
    (findings, Some(health.now))
}

const URL_HELP: &str = "look at DATABASE_URL: postgres://user:password@host:5432/database?sslmode=verify-full";

async fn fleet(store: &Store) -> Vec<Finding> {
    let mut findings = Vec::new();
    match store.fleet().state().await {
        Ok(state) => findings.push(match state.halt_reason {
            None => Finding::fine("sending", "not halted"),
            Some(reason) => Finding::wrong(
                "sending",
                format!("halted: {reason}"),
                "if the database was restored on purpose, `postfleet resume` lets it go on",
            ),
        }),
        Err(error) => findings.push(Finding::wrong("sending", text(&error), "see above")),
    }
    findings.push(match store.leaders().is_led().await {
        Ok(true) => Finding::fine("orchestrator", "one leads"),
        _ => {
            Finding::advice("orchestrator", "nobody leads: nothing is fed or rescued", "start `postfleet orchestrator`")
        }
    });
    findings.push(match store.workers().alive().await {
        Ok(alive) if alive > 0 => Finding::fine("workers", format!("{alive} at work")),
        _ => Finding::advice("workers", "none: nothing is sent", "start `postfleet worker`"),
    });
    findings
}

/// Whether every stored password can be read with the keys that this process was given.
async fn keys(store: &Store, secrets: &SecretsConfig) -> Option<Finding> {
    let used = store.senders().secret_key_names().await.ok()?;
    let ring = secrets.keyring().ok().flatten();
    let missing: Vec<&str> =
        used.iter().map(String::as_str).filter(|name| !ring.as_ref().is_some_and(|ring| ring.has(name))).collect();
    Some(if missing.is_empty() {
        Finding::fine("passwords of senders", "all can be read")
    } else {
        Finding::wrong(
            "passwords of senders",
            format!("some need keys that are not here: {}", missing.join(", ")),
            "add the key to POSTFLEET_SECRET_KEYS (the first encrypts, all decrypt), or set the passwords anew",
        )
    })
}

fn text(error: &store::StoreError) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{source}")
}
