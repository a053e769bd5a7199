use super::beat::{Drained, drained};
use crate::{QueueLink, Result};

impl QueueLink {
    /// Rows settled since this was last asked: for queues whose drain no beat reports.
    pub async fn take_drained(&self) -> Result<Drained> {
        let key = self.keys().drained();
        let (parts, _): (Vec<String>, i64) =
            redis::pipe().atomic().hgetall(&key).del(&key).query_async(&mut self.connection()).await?;
        Ok(drained(&parts))
    }
}
