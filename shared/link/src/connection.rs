use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, Script, TlsCertificates, ToRedisArgs, Value};

use crate::{Keys, LinkError, PulseView, Result};

/// Longest wait for one answer. Longer than a stall that a busy Redis recovers from; redis-rs's default of 500 ms is not.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection to Redis that heals itself; cheap to clone.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

struct Inner {
    client: Client,
    connection: ConnectionManager,
    keys: Keys,
    pulse: PulseView,
}

impl Link {
    /// Connects on first use: a process may start before its Redis. `authority`: PEM of who vouches for a `rediss://`
    /// server, where none of the usual ones does.
    pub fn connect(url: &str, authority: Option<Vec<u8>>, keys: Keys) -> Result<Self> {
        let client = match authority {
            None => Client::open(url)?,
            Some(root_cert) => {
                let certificates = TlsCertificates { client_tls: None, root_cert: Some(root_cert) };
                Client::build_with_tls(url, certificates)?
            }
        };
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_number_of_retries(2)
            .set_min_delay(Duration::from_millis(20))
            .set_max_delay(Duration::from_millis(200));
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), config)?;
        Ok(Self(Arc::new(Inner { client, connection, keys, pulse: PulseView::default() })))
    }

    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub fn pulse(&self) -> &PulseView {
        &self.0.pulse
    }

    pub async fn ping(&self) -> Result<()> {
        let _: String = redis::cmd("PING").query_async(&mut self.connection()).await?;
        Ok(())
    }

    /// What Redis does when its memory is full; none where it does not say.
    pub async fn eviction_policy(&self) -> Result<Option<String>> {
        let memory: redis::InfoDict = redis::cmd("INFO").arg("memory").query_async(&mut self.connection()).await?;
        Ok(memory.get("maxmemory_policy"))
    }

    /// A connection of its own for a subscription, which a shared one cannot carry.
    pub async fn subscribe(&self, channel: &str) -> Result<redis::aio::PubSub> {
        let mut subscription = self.0.client.get_async_pubsub().await?;
        subscription.subscribe(channel).await?;
        Ok(subscription)
    }

    pub fn connection(&self) -> ConnectionManager {
        self.0.connection.clone()
    }

    /// Runs a script that takes generation and beat first, and learns the beat it answers.
    pub async fn call(&self, script: &Script, keys: &[String], args: &[Arg<'_>]) -> Result<Answer> {
        self.call_for(script, keys, args).await
    }

    /// As `call`, where the rest of the answer is not a list of texts.
    pub async fn call_for<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[String],
        args: &[Arg<'_>],
    ) -> Result<Answer<T>> {
        let (generation, beat) = self.0.pulse.get();
        let known = [Arg::Owned(generation.simple().to_string()), Arg::Number(beat)];
        let answer = self.run(script, keys, known.iter().chain(args)).await?;
        if answer.status == "lost" {
            self.0.pulse.raise_doubt();
            return Err(LinkError::Lost);
        }
        if let Some(beat) = answer.beat {
            self.0.pulse.saw(generation, beat);
        }
        Ok(answer)
    }

    /// Runs a script as it is: for the leader, who brings a generation and a beat of its own.
    pub async fn invoke<'a>(
        &self,
        script: &Script,
        keys: &[String],
        args: impl IntoIterator<Item = &'a Arg<'a>>,
    ) -> Result<Answer> {
        self.run(script, keys, args).await
    }

    async fn run<'a, T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[String],
        args: impl IntoIterator<Item = &'a Arg<'a>>,
    ) -> Result<Answer<T>> {
        let mut invocation = script.prepare_invoke();
        for key in keys {
            invocation.key(key);
        }
        for arg in args {
            invocation.arg(arg);
        }
        Answer::read(invocation.invoke_async(&mut self.connection()).await?)
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("keys", &self.0.keys).finish_non_exhaustive()
    }
}

/// One argument of a script.
pub enum Arg<'a> {
    Text(&'a str),
    Owned(String),
    Number(i64),
}

impl ToRedisArgs for Arg<'_> {
    fn write_redis_args<W: ?Sized + redis::RedisWrite>(&self, out: &mut W) {
        match self {
            Self::Text(text) => text.write_redis_args(out),
            Self::Owned(text) => text.write_redis_args(out),
            Self::Number(number) => number.write_redis_args(out),
        }
    }
}

/// What a script answered: a word, the beat, and the rest.
#[derive(Debug)]
pub struct Answer<T = String> {
    pub status: String,
    pub beat: Option<i64>,
    pub rest: Vec<T>,
}

impl<T: FromRedisValue> Answer<T> {
    fn read(parts: Vec<Value>) -> Result<Self> {
        let mut parts = parts.into_iter();
        let status = text(parts.next().ok_or(LinkError::Unreadable)?)?;
        let beat = parts.next().map(|beat| text(beat)?.parse().map_err(|_| LinkError::Unreadable)).transpose()?;
        let rest = T::from_redis_values(parts.collect()).map_err(|_| LinkError::Unreadable)?;
        Ok(Self { status, beat, rest })
    }
}

fn text(part: Value) -> Result<String> {
    String::from_redis_value(part).map_err(|_| LinkError::Unreadable)
}
