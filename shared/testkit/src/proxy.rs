//! A TCP proxy that breaks connections on command.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::until::PATIENCE;

/// What happens to the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fault {
    /// Each chunk is held this long, both ways.
    pub latency: Duration,
    /// So many bytes a second pass, each way.
    pub bytes_per_second: Option<u32>,
    /// What the server says is swallowed; what the client says still arrives.
    pub drop_replies: bool,
    /// Nothing passes either way, and nobody is told.
    pub half_open: bool,
    /// So many bytes of the client pass; then both ends see a reset.
    pub reset_after: Option<usize>,
    /// New connections are closed at once; old ones are reset.
    pub refuse: bool,
}

/// What the proxy has done so far: signals for a test to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// Pieces of what servers said that were swallowed.
    pub replies_dropped: usize,
    pub resets: usize,
    pub connections: usize,
}

pub struct FaultProxy {
    pub address: SocketAddr,
    fault: watch::Sender<Fault>,
    cuts: watch::Sender<usize>,
    done: watch::Sender<Done>,
}

impl FaultProxy {
    pub async fn before(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (fault, done) = (watch::Sender::new(Fault::default()), watch::Sender::new(Done::default()));
        let cuts = watch::Sender::new(0);
        let (faults, cutting, telling) = (fault.clone(), cuts.clone(), done.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let line = Line { faults: faults.subscribe(), cuts: cutting.subscribe(), done: telling.clone() };
                tokio::spawn(async move {
                    if !line.faults.borrow().refuse {
                        let _ = line.carry(client, target).await;
                    }
                });
            }
        });
        Ok(Self { address, fault, cuts, done })
    }

    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    pub fn heal(&self) {
        self.set(Fault::default());
    }

    /// Resets every connection that is open now, and lets those that follow be.
    pub fn cut(&self) {
        self.heal();
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub fn done(&self) -> Done {
        *self.done.borrow()
    }

    /// Returns when the proxy has done what is asked about; panics when it has not within half a minute.
    pub async fn until_done(&self, what: &str, asked: impl FnMut(&Done) -> bool) {
        let mut done = self.done.subscribe();
        let waited = tokio::time::timeout(PATIENCE, done.wait_for(asked)).await;
        assert!(waited.is_ok(), "waited {PATIENCE:?} in vain for: {what} (so far {:?})", self.done());
    }
}

/// One connection on its way.
struct Line {
    faults: watch::Receiver<Fault>,
    cuts: watch::Receiver<usize>,
    done: watch::Sender<Done>,
}

impl Line {
    async fn carry(self, mut client: TcpStream, target: SocketAddr) -> std::io::Result<()> {
        let mut server = TcpStream::connect(target).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        self.done.send_modify(|done| done.connections += 1);
        let (mut refusals, mut cuts) = (self.faults.clone(), self.cuts.clone());
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let is_reset = tokio::select! {
            ended = async { tokio::try_join!(self.ask(from_client, to_server), self.answer(from_server, to_client)) } =>
                ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset),
            _ = refusals.wait_for(|fault| fault.refuse) => true,
            _ = cuts.changed() => true,
        };
        if is_reset {
            // Closed with nothing lingering: what the other ends see is RST, not FIN.
            client.set_zero_linger()?;
            server.set_zero_linger()?;
            self.done.send_modify(|done| done.resets += 1);
        }
        Ok(())
    }

    async fn ask(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> std::io::Result<()> {
        let (mut chunk, mut passed) = (vec![0; 16 * 1024], 0);
        loop {
            let count = from.read(&mut chunk).await?;
            if count == 0 {
                return to.shutdown().await;
            }
            let fault = *self.faults.borrow();
            let left = fault.reset_after.map_or(count, |limit| count.min(limit.saturating_sub(passed)));
            passed += count;
            if !fault.half_open {
                pass(&mut to, &chunk[..left], fault).await?;
            }
            if left < count {
                return Err(std::io::ErrorKind::ConnectionReset.into());
            }
        }
    }

    async fn answer(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> std::io::Result<()> {
        let mut chunk = vec![0; 16 * 1024];
        loop {
            let count = from.read(&mut chunk).await?;
            if count == 0 {
                return to.shutdown().await;
            }
            let fault = *self.faults.borrow();
            if fault.half_open {
                continue;
            }
            if fault.drop_replies {
                self.done.send_modify(|done| done.replies_dropped += 1);
                continue;
            }
            pass(&mut to, &chunk[..count], fault).await?;
        }
    }
}

/// Steps a second in which a throttled line moves.
const STEPS: u32 = 20;

async fn pass(to: &mut WriteHalf<'_>, bytes: &[u8], fault: Fault) -> std::io::Result<()> {
    if !fault.latency.is_zero() {
        tokio::time::sleep(fault.latency).await;
    }
    let Some(rate) = fault.bytes_per_second else { return to.write_all(bytes).await };
    for piece in bytes.chunks((rate / STEPS).max(1) as usize) {
        tokio::time::sleep(Duration::from_secs(1) * piece.len() as u32 / rate.max(1)).await;
        to.write_all(piece).await?;
    }
    Ok(())
}
