use chrono::{DateTime, Utc};

use crate::{Result, Store};

row! {
    /// How the server is set up, as far as it matters to us.
    #[derive(Debug, Clone)]
    pub struct ServerHealth {
        pub version: String,
        pub version_number: i32,
        pub fsync: bool,
        pub synchronous_commit: String,
        pub connections_max: i32,
        pub connections_used: i32,
        pub now: DateTime<Utc>,
    }
}

impl Store {
    /// Needs no schema.
    pub async fn health(&self) -> Result<ServerHealth> {
        Ok(sqlx::query_as(
            "SELECT current_setting('server_version') AS version,
                    current_setting('server_version_num')::int AS version_number,
                    current_setting('fsync')::bool AS fsync,
                    current_setting('synchronous_commit') AS synchronous_commit,
                    current_setting('max_connections')::int AS connections_max,
                    (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections_used,
                    now() AS now",
        )
        .fetch_one(&self.pool)
        .await?)
    }
}
