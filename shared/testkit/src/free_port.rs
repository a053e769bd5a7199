use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::TcpListener;
use std::ops::Range;

const PORTS: Range<u16> = 20_000..32_000;
const TRIES: usize = 100;

/// A port that nobody listens on, from below those that the system gives to outgoing connections: one of those may be
/// somebody's before its server is up.
pub fn free_port() -> std::io::Result<u16> {
    let mut last = None;
    for _ in 0..TRIES {
        let drawn = PORTS.start + (RandomState::new().build_hasher().finish() % PORTS.len() as u64) as u16;
        match TcpListener::bind(("127.0.0.1", drawn)) {
            Ok(_) => return Ok(drawn),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into()))
}
