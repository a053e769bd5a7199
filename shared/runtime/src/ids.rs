//! Where ids and randomness come from. Code takes these as parameters, so that a test can decide them.

use std::fmt;
use std::sync::Arc;

use rand::RngCore;
use uuid::Uuid;

/// A source of time-ordered ids.
#[derive(Clone)]
pub struct Ids(Arc<dyn Fn() -> Uuid + Send + Sync>);

impl Ids {
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place where ids are made")]
        Self(Arc::new(Uuid::now_v7))
    }

    pub fn from_fn(next: impl Fn() -> Uuid + Send + Sync + 'static) -> Self {
        Self(Arc::new(next))
    }

    pub fn next<T: From<Uuid>>(&self) -> T {
        T::from((self.0)())
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}

/// A source of numbers in `[0, 1)`, to spread retries.
#[derive(Clone)]
pub struct Jitter(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Jitter {
    pub fn system() -> Self {
        Self(Arc::new(rand::random::<f64>))
    }

    pub fn fixed(value: f64) -> Self {
        Self(Arc::new(move || value))
    }

    pub fn next(&self) -> f64 {
        (self.0)()
    }
}

impl fmt::Debug for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jitter")
    }
}

/// Bytes for a secret.
pub fn secret_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rngs::ThreadRng::default().fill_bytes(&mut bytes);
    bytes
}
