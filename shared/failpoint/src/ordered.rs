//! Points that do what `FAILPOINTS` says.

use std::time::Duration;

use nix::sys::signal::{Signal, raise};

/// What a test wants to happen at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As by `kill -9`.
    Kill,
    /// As by `kill -STOP`: everything stands still until somebody sends SIGCONT.
    Freeze,
    Panic,
    /// As after a stack overflow, or an allocation that failed.
    Abort,
    /// Only where the point can be waited at.
    Wait(Duration),
    /// Only where the point can fail.
    Fail,
}

/// Reads `FAILPOINTS`, once, at the start of a process; they act until it ends.
pub fn set_up() {
    std::mem::forget(fail::FailScenario::setup());
}

/// Dies, freezes or panics here, if a test ordered it.
pub fn reach(point: &'static str) {
    if let Some(order) = Order::at(point) {
        order.obey(point);
    }
}

/// The same, where it can also be waited without blocking a thread.
pub async fn hold(point: &'static str) {
    match Order::at(point) {
        Some(Order::Wait(time)) => tokio::time::sleep(time).await,
        Some(order) => order.obey(point),
        None => {}
    }
}

/// The same, and answers whether the caller shall take what comes next for failed.
pub fn fails(point: &'static str) -> bool {
    let order = Order::at(point);
    if let Some(order) = order {
        order.obey(point);
    }
    order == Some(Order::Fail)
}

impl Order {
    fn at(point: &'static str) -> Option<Self> {
        fail::fail_point!(point, |word| Some(Self::parse(point, word)));
        None
    }

    /// A test that misspells an order must not pass because nothing happened.
    fn parse(point: &str, word: Option<String>) -> Self {
        let word = word.unwrap_or_default();
        let wait = word.strip_prefix("wait:").and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
        match (word.as_str(), wait) {
            ("kill", _) => Self::Kill,
            ("freeze", _) => Self::Freeze,
            ("panic", _) => Self::Panic,
            ("abort", _) => Self::Abort,
            ("fail", _) => Self::Fail,
            (_, Some(wait)) => Self::Wait(wait),
            _ => panic!("the failpoint {point} knows no order {word:?}"),
        }
    }

    /// Does what needs no waiting and no error of the caller's.
    fn obey(self, point: &str) {
        match self {
            Self::Kill => drop(raise(Signal::SIGKILL)),
            Self::Freeze => drop(raise(Signal::SIGSTOP)),
            Self::Panic => panic!("ordered at the failpoint {point}"),
            Self::Abort => std::process::abort(),
            Self::Wait(_) | Self::Fail => {}
        }
    }
}
