use std::time::Duration;

use chrono::{DateTime, Utc};
use queue::QueueLink;
use redis::{InfoDict, RedisError};
use runtime::config::RedisConfig;
use tokio::time::timeout;

use super::Finding;
use crate::connect;

const WITHIN: Duration = Duration::from_secs(8);
const VERSION_MIN: (u32, u32) = (6, 2);
/// Redis and Postgres are never compared for decisions; far apart they still confuse people and certificates.
const SKEW_MAX_SECS: i64 = 5;
const URL_HELP: &str = "look at REDIS_URL: redis://host:6379, or rediss://user:password@host:6380 with TLS";

struct Seen {
    info: InfoDict,
    now_secs: i64,
}

pub async fn look(config: &RedisConfig, postgres_now: Option<DateTime<Utc>>) -> Vec<Finding> {
    let queue = match connect::queue(config) {
        Ok(queue) => queue,
        Err(error) => return vec![Finding::wrong("redis", format!("{error:#}"), URL_HELP)],
    };
    let seen = match timeout(WITHIN, ask(&queue)).await {
        Ok(Ok(seen)) => seen,
        Ok(Err(error)) => return vec![Finding::wrong("redis", error.to_string(), URL_HELP)],
        Err(_) => return vec![Finding::wrong("redis", "it does not answer", URL_HELP)],
    };
    let get = |name: &str| seen.info.get::<String>(name);
    let version = get("redis_version").unwrap_or_default();
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let number = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let mut findings = vec![if number >= VERSION_MIN {
        Finding::fine("redis", format!("version {version}"))
    } else {
        Finding::wrong("redis", format!("version {version}"), "Postfleet needs 6.2 or newer")
    }];
    let policy = get("maxmemory_policy").unwrap_or_default();
    findings.push(if policy == "noeviction" {
        Finding::fine("eviction", policy)
    } else {
        Finding::wrong(
            "eviction",
            format!("maxmemory-policy is {policy}: Redis may throw work away, which then waits for the rescue"),
            "set maxmemory-policy noeviction",
        )
    });
    let persistent = get("aof_enabled").as_deref() == Some("1");
    findings.push(if persistent {
        Finding::fine("persistence", "append-only file")
    } else {
        Finding::advice(
            "persistence",
            "no append-only file: after a restart everything is fed anew, and limits begin empty",
            "set appendonly yes, appendfsync everysec; nothing is lost without",
        )
    });
    let role = get("role").unwrap_or_default();
    if role != "master" {
        findings.push(Finding::wrong("role", format!("this Redis is a {role}"), "name the primary in REDIS_URL"));
    }
    if let Some(now) = postgres_now {
        let skew = (now.timestamp() - seen.now_secs).abs();
        findings.push(if skew <= SKEW_MAX_SECS {
            Finding::fine("clocks", "Postgres and Redis agree within 5 s")
        } else {
            Finding::advice("clocks", format!("Postgres and Redis are {skew} s apart"), "run NTP on both hosts")
        });
    }
    findings
}

async fn ask(queue: &QueueLink) -> Result<Seen, RedisError> {
    let mut connection = queue.connection();
    let info = redis::cmd("INFO").query_async(&mut connection).await?;
    let (now_secs, _): (i64, i64) = redis::cmd("TIME").query_async(&mut connection).await?;
    Ok(Seen { info, now_secs })
}
