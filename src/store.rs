//! What the service remembers: one file per table, rows and the SQL that touches them.
//!
//! sqlx is named here and below, nowhere else. One SQL text serves SQLite and PostgreSQL; only [`pool`] may ask
//! which of them it is.

pub mod accounts;
pub mod addresses;
pub mod changes;
pub mod copy;
pub mod crowd;
pub mod elsewhere;
pub mod events;
pub mod failures;
pub mod held;
pub mod invites;
pub mod keys;
mod lane;
pub mod letters;
pub mod networks;
pub mod observations;
pub mod outbox;
mod patience;
pub mod pool;
pub mod roster;
pub mod sessions;

pub use pool::{Db, Pool, Tables, Work};

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The library below. Its own warnings are left out of the log: an outage brings one for every connection, and the
/// cause is told here.
pub const LIBRARY: &str = "sqlx";

/// How long a cause that was told is not told again.
const TOLD_FOR: Duration = Duration::from_secs(60);

/// How many causes are told in that time.
const MOST_TOLD: usize = 20;

/// Which endings are asked for.
#[derive(Clone, Copy)]
pub enum Since {
    /// Those that happened since, on the clock of whoever ended them, or were written down since, on the database's.
    Happened {
        /// By the first clock.
        at: i64,
        /// By the second.
        told: i64,
    },
    /// Those that were written down since, on the database's clock.
    Told(i64),
}

/// The database did not do what it was asked. The cause is for the log.
#[derive(Debug)]
pub struct Fault(sqlx::Error);

impl Fault {
    /// The database did not answer in time.
    pub fn silent() -> Self {
        Self(sqlx::Error::PoolTimedOut)
    }
}

impl Fault {
    /// Whether a row of this key is there already.
    fn is_taken(&self) -> bool {
        matches!(&self.0, sqlx::Error::Database(error) if error.is_unique_violation())
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            // The library's words speak of its pool, which nobody asked about.
            sqlx::Error::PoolTimedOut => f.write_str("database: it does not answer in time"),
            error => write!(f, "database: {error}"),
        }
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
        tell(&fault.to_string());
        Self::Unavailable
    }
}

/// Tells the operator why. Once, not once a request: a busy service without its database would fill the disk with
/// one sentence.
fn tell(cause: &str) {
    static TOLD: Mutex<Vec<(String, Instant)>> = Mutex::new(Vec::new());
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    told.retain(|(_, at)| at.elapsed() < TOLD_FOR);
    if told.len() < MOST_TOLD && told.iter().all(|(known, _)| known != cause) {
        told.push((cause.to_owned(), Instant::now()));
        log::error!(target: "vestibule::store", "{cause}");
    }
}
