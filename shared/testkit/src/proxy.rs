//! A TCP proxy that breaks connections on command.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fault {
    /// Each chunk is held this long, both ways.
    pub latency: Duration,
    /// What the server says is swallowed; what the client says still arrives.
    pub drop_replies: bool,
    /// Nothing passes either way, and nobody is told.
    pub half_open: bool,
    /// The connection is reset after so many bytes from the client.
    pub reset_after: Option<usize>,
    /// New connections are refused, old ones ended.
    pub refuse: bool,
}

pub struct FaultProxy {
    pub address: SocketAddr,
    fault: watch::Sender<Fault>,
}

impl FaultProxy {
    pub async fn before(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (fault, faults) = watch::channel(Fault::default());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let faults = faults.clone();
                tokio::spawn(async move {
                    if !faults.borrow().refuse {
                        let _ = carry(client, target, faults).await;
                    }
                });
            }
        });
        Ok(Self { address, fault })
    }

    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    pub fn heal(&self) {
        self.set(Fault::default());
    }
}

async fn carry(client: TcpStream, target: SocketAddr, mut faults: watch::Receiver<Fault>) -> std::io::Result<()> {
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let asked = pass(from_client, to_server, faults.clone(), true);
    let answered = pass(from_server, to_client, faults.clone(), false);
    tokio::select! {
        done = async { tokio::try_join!(asked, answered) } => drop(done?),
        _ = faults.wait_for(|fault| fault.refuse) => {}
    }
    Ok(())
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    faults: watch::Receiver<Fault>,
    from_client: bool,
) -> std::io::Result<()> {
    let (mut chunk, mut passed) = (vec![0; 16 * 1024], 0);
    loop {
        let count = from.read(&mut chunk).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        let fault = *faults.borrow();
        passed += count;
        if from_client && fault.reset_after.is_some_and(|limit| passed > limit) {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        if fault.half_open || (fault.drop_replies && !from_client) {
            continue;
        }
        if !fault.latency.is_zero() {
            tokio::time::sleep(fault.latency).await;
        }
        to.write_all(&chunk[..count]).await?;
    }
}
