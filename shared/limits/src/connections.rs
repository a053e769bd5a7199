use std::time::Duration;

use domain::ids::{SenderId, WorkerId};
use futures::{Stream, StreamExt};
use link::Arg;

use crate::{Limiter, LimitsError, Result, scripts};

/// Connections that were not renewed for this long are somebody else's to open.
const HELD_FOR: Duration = Duration::from_secs(5);
/// Whoever still waits for one says so again before that.
const WISH_LASTS: Duration = Duration::from_secs(1);

/// What a worker holds of a sender's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionHolding {
    pub sender: SenderId,
    /// How many the sender may have, over the whole fleet.
    pub most: u32,
    pub held: u32,
}

/// What a worker was given, and how many it may hold while as many workers as now want some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasedConnections {
    pub granted: u32,
    pub share: u32,
}

/// How many of them it should hold: fewer while another worker waits for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionShare {
    pub sender: SenderId,
    pub share: u32,
    /// Somebody else waits for one.
    pub wanted: bool,
}

impl Limiter {
    /// Up to `wanted` more connections of a sender for this worker, and never more than its share. Who gets fewer is
    /// noted as waiting.
    pub async fn lease_connections(
        &self,
        worker: WorkerId,
        sender: SenderId,
        most: u32,
        wanted: u32,
    ) -> Result<LeasedConnections> {
        let names = self.link.keys();
        let keys = [names.pulse(), names.connections(sender), names.dead_workers()];
        let args = [
            Arg::Owned(worker.to_string()),
            Arg::Number(i64::from(most)),
            Arg::Number(i64::from(wanted)),
            Arg::Number(HELD_FOR.as_millis() as i64),
            Arg::Number(WISH_LASTS.as_millis() as i64),
            Arg::Owned(names.wanted_connections()),
            Arg::Owned(sender.to_string()),
        ];
        let answer = self.link.call(&scripts::LEASE_CONNECTIONS, &keys, &args).await?;
        let number = |at: usize| answer.rest.get(at).and_then(|text| text.parse().ok()).ok_or(LimitsError::Unreadable);
        Ok(LeasedConnections { granted: number(0)?, share: number(1)? })
    }

    /// Hears of senders whose connections another worker waits for. Ends when Redis is lost.
    pub async fn wanted_connections(&self) -> Result<impl Stream<Item = SenderId> + use<>> {
        let wishes = self.link.subscribe(&self.link.keys().wanted_connections()).await?.into_on_message();
        let sender = |wish: redis::Msg| wish.get_payload::<String>().ok()?.parse().ok();
        Ok(wishes.filter_map(move |wish| std::future::ready(sender(wish))))
    }

    /// A worker is known to be dead: others need not wait until its leases run out.
    pub async fn forfeit_connections(&self, worker: WorkerId) -> Result<()> {
        let keys = [self.link.keys().pulse(), self.link.keys().dead_workers()];
        let args = [Arg::Owned(worker.to_string()), Arg::Number(HELD_FOR.as_millis() as i64 * 2)];
        self.link.call(&scripts::FORFEIT_CONNECTIONS, &keys, &args).await?;
        Ok(())
    }

    /// Says what this worker holds, all senders in one call; needed at least every few seconds.
    pub async fn renew_connections(
        &self,
        worker: WorkerId,
        holdings: &[ConnectionHolding],
    ) -> Result<Vec<ConnectionShare>> {
        let mut keys = vec![self.link.keys().pulse(), self.link.keys().dead_workers()];
        let mut args = vec![Arg::Owned(worker.to_string()), Arg::Number(HELD_FOR.as_millis() as i64)];
        for holding in holdings {
            keys.push(self.link.keys().connections(holding.sender));
            args.extend([Arg::Number(i64::from(holding.most)), Arg::Number(i64::from(holding.held))]);
        }
        let answer = self.link.call(&scripts::RENEW_CONNECTIONS, &keys, &args).await?;
        if answer.rest.len() != holdings.len() * 2 {
            return Err(LimitsError::Unreadable);
        }
        let read = |(holding, told): (&ConnectionHolding, &[String])| {
            let share = told[0].parse().map_err(|_| LimitsError::Unreadable)?;
            Ok(ConnectionShare { sender: holding.sender, share, wanted: told[1] == "1" })
        };
        holdings.iter().zip(answer.rest.chunks_exact(2)).map(read).collect()
    }
}
