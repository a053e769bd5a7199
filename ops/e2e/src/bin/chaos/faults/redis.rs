use std::collections::HashSet;
use std::time::Instant;

use tokio::task::block_in_place;

use super::{Done, wires};
use crate::arena::Arena;
use crate::hands::standing;
use crate::kind::Kind;
use crate::plan::Planned;

/// Loses, crashes, rolls back or cuts off Redis.
pub(super) async fn inflict(arena: &Arena, planned: &Planned) -> anyhow::Result<Done> {
    let mut redis = arena.redis.lock().await;
    let loses = matches!(
        planned.kind,
        Kind::RedisFlushed | Kind::RedisCrashed | Kind::RedisRestartedEmpty | Kind::RedisRolledBack
    );
    let in_hand = if loses { standing(arena).await } else { HashSet::new() };
    let began = Instant::now();
    let command = |words: &[&str]| -> anyhow::Result<()> {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let answered: redis::Value = command.query(&mut redis.client()?)?;
        drop(answered);
        Ok(())
    };
    let what = match planned.kind {
        Kind::RedisSlow => format!("Redis: {}", wires::slow(planned, &arena.redis_wires).await),
        Kind::RedisRepliesLost => format!("Redis: {}", wires::lose_replies(planned, &arena.redis_wires).await),
        Kind::RedisScriptsFlushed => {
            block_in_place(|| command(&["SCRIPT", "FLUSH"]))?;
            "Redis: SCRIPT FLUSH".to_owned()
        }
        Kind::RedisClientsKilled => {
            for of in ["normal", "pubsub"] {
                block_in_place(|| command(&["CLIENT", "KILL", "TYPE", of]))?;
            }
            "Redis: CLIENT KILL of everybody".to_owned()
        }
        Kind::RedisCrashed => {
            block_in_place(|| redis.kill())?;
            tokio::time::sleep(planned.lasts).await;
            block_in_place(|| redis.restart())?;
            format!("Redis killed, back with its append-only file after {:.1} s", planned.lasts.as_secs_f64())
        }
        Kind::RedisRestartedEmpty => {
            block_in_place(|| redis.restart_empty())?;
            "Redis killed, back with nothing".to_owned()
        }
        Kind::RedisRolledBack => {
            let snapshots = arena.snapshots.lock().await;
            let back = planned.pick as usize % snapshots.len().max(1);
            let Some(snapshot) = snapshots.iter().rev().nth(back) else { anyhow::bail!("there is no snapshot") };
            block_in_place(|| redis.roll_back(snapshot))?;
            format!("Redis rolled back by {} rounds", back + 1)
        }
        _ => {
            block_in_place(|| command(&["FLUSHALL"]))?;
            "Redis: FLUSHALL".to_owned()
        }
    };
    if planned.kind == Kind::RedisRolledBack {
        // It came back without an append-only file, which the next crash needs.
        let mut client = block_in_place(|| redis.client())?;
        let _: () = block_in_place(|| redis::cmd("CONFIG").arg(&["SET", "appendonly", "yes"]).query(&mut client))?;
    }
    let what = if loses { format!("{what}, with {} messages waiting in it", in_hand.len()) } else { what };
    Ok(Done { in_hand, ..Done::new(planned.kind, began, what) })
}
