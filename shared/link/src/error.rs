/// Why Redis did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It was emptied, rolled back, or begins another generation: nothing it says about jobs holds.
    #[error("Redis does not have the generation or beat that was expected")]
    Lost,
    /// It could not be reached, or answered an error. Whether it acted is unknown.
    #[error("Redis did not answer")]
    Unavailable(#[source] redis::RedisError),
    /// Limits were not read from Postgres yet: nobody may guess them.
    #[error("the limits are not known yet")]
    LimitsUnread,
    /// A script answered what this version does not understand.
    #[error("Redis answered a script in an unknown form")]
    Unreadable,
}

impl From<redis::RedisError> for LinkError {
    fn from(error: redis::RedisError) -> Self {
        Self::Unavailable(error)
    }
}
