/// What went wrong with the database, told apart by what the caller should do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It may work in a moment: no connection, a restart, a deadlock, a lock that was not to be had.
    #[error("the database did not answer")]
    Unavailable(#[source] sqlx::Error),
    /// The same statement would fail again.
    #[error("the database refused a statement")]
    Refused(#[source] sqlx::Error),
    #[error("the database refused a statement")]
    Orm(#[source] sea_orm::DbErr),
    /// A row holds what this version does not understand.
    #[error("a {noun} row holds an unknown {column}")]
    Unreadable { noun: &'static str, column: &'static str },
}

impl StoreError {
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether this constraint, or unique index, refused it.
    pub(crate) fn breaks(&self, constraint: &str) -> bool {
        matches!(self, Self::Refused(sqlx::Error::Database(error)) if error.constraint() == Some(constraint))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_transient(&error) { Self::Unavailable(error) } else { Self::Refused(error) }
    }
}

impl From<sea_orm::DbErr> for StoreError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Orm(error)
    }
}

/// Classes of SQLSTATE that speak of the moment and not of the statement.
fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class)) || code == "25006"
        }),
        _ => false,
    }
}
