use redis::AsyncCommands;

use crate::{LaneName, QueueLink, Result};

const LANES_PER_RING: usize = 500;

impl QueueLink {
    /// Tells the feeder that lanes have due rows. A lost ring costs a second or two, until its next scan.
    pub async fn ring(&self, lanes: &[LaneName]) -> Result<()> {
        let (bell, mut connection) = (self.keys().bell(), self.connection());
        for some in lanes.chunks(LANES_PER_RING) {
            let names: Vec<String> = some.iter().map(LaneName::to_string).collect();
            let _: i64 = connection.publish(&bell, names.join(" ")).await?;
        }
        Ok(())
    }
}
