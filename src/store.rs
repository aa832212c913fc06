//! What the service remembers: one file per table, rows and the SQL that touches them.
//!
//! sqlx is named here and below, nowhere else. One SQL text serves SQLite and PostgreSQL; only [`pool`] may ask
//! which of them it is.

pub mod accounts;
pub mod keys;
pub mod pool;
pub mod sessions;

pub use pool::{Db, Pool};

/// The database did not do what it was asked. The cause is for the log.
#[derive(Debug)]
pub struct Fault(sqlx::Error);

impl Fault {
    /// The database did not answer in time.
    pub fn silent() -> Self {
        Self(sqlx::Error::PoolTimedOut)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "database: {}", self.0)
    }
}

impl std::error::Error for Fault {}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

impl From<sqlx::migrate::MigrateError> for Fault {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self(error.into())
    }
}

impl From<Fault> for crate::error::Error {
    /// A database that is gone, locked or full is the service's trouble, never the caller's and never an open door.
    fn from(fault: Fault) -> Self {
        log::error!(target: "vestibule::store", "{fault}");
        Self::Unavailable
    }
}
