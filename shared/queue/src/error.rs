/// Why Redis did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It was emptied, rolled back, or begins another generation: nothing it says about jobs holds.
    #[error("Redis does not have the generation or beat that was expected")]
    Lost,
    /// It could not be reached, or answered an error. Whether it acted is unknown.
    #[error("Redis did not answer")]
    Unavailable(#[source] redis::RedisError),
    /// A script answered what this version does not understand.
    #[error("Redis answered a script in an unknown form")]
    Unreadable,
}

impl From<redis::RedisError> for QueueError {
    fn from(error: redis::RedisError) -> Self {
        Self::Unavailable(error)
    }
}
