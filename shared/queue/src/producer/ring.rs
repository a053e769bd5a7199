use redis::AsyncCommands;

use crate::{LaneName, QueueLink, Result};

impl QueueLink {
    /// Tells the feeder that lanes have due rows. A lost ring costs at most the second until its next scan.
    pub async fn ring(&self, lanes: &[LaneName]) -> Result<()> {
        let bell = self.keys().bell();
        let mut connection = self.connection();
        for lane in lanes {
            let _: i64 = connection.publish(&bell, lane.to_string()).await?;
        }
        Ok(())
    }
}
