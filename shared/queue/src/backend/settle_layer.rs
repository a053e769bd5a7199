use std::task::{Context, Poll};

use apalis_core::error::BoxDynError;
use apalis_core::task::Task;
use futures::future::BoxFuture;
use tower::{Layer, Service};

use super::Delivery;
use super::settler::SettlerHandle;
use crate::Outcome;

/// Sits outside every other layer and so sees what became of the job, a caught panic or a timeout included.
#[derive(Clone)]
pub struct SettleLayer {
    settler: SettlerHandle,
}

impl SettleLayer {
    pub(super) fn new(settler: SettlerHandle) -> Self {
        Self { settler }
    }
}

impl<S> Layer<S> for SettleLayer {
    type Service = Settle<S>;

    fn layer(&self, inner: S) -> Settle<S> {
        Settle { settler: self.settler.clone(), inner }
    }
}

pub struct Settle<S> {
    settler: SettlerHandle,
    inner: S,
}

impl<S, J> Service<Task<Delivery<J>>> for Settle<S>
where
    S: Service<Task<Delivery<J>>, Response = Outcome>,
    S::Future: Send + 'static,
    S::Error: Into<BoxDynError>,
{
    type Response = Outcome;
    type Error = BoxDynError;
    type Future = BoxFuture<'static, Result<Outcome, BoxDynError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, task: Task<Delivery<J>>) -> Self::Future {
        let (lease, settler) = (task.args.lease.clone(), self.settler.clone());
        let handling = self.inner.call(task);
        Box::pin(async move {
            let result = handling.await.map_err(Into::into);
            settler.settle(&lease, result.as_ref().ok());
            result
        })
    }
}
