//! Connections that go from one statement straight to the next.
//!
//! sqlx asks each connection for a sign of life when it comes back, and again before it is lent. A server may be gone,
//! so that is right for PostgreSQL. SQLite is a file in our own process: there the question would cost as much as the
//! statement, so its connections rest here between statements and are not asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rocket::tokio::sync::{Semaphore, SemaphorePermit};
use rocket::tokio::time::timeout;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Error};

use super::patience::PATIENCE;

/// Connections of which each serves one borrower at a time; who comes first is served first. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pool: AnyPool,
    rest: Option<Arc<Rest>>,
}

/// Where connections wait for the next statement.
#[derive(Debug)]
struct Rest {
    turns: Semaphore,
    idle: Mutex<Vec<PoolConnection<Any>>>,
}

impl Drop for Rest {
    fn drop(&mut self) {
        // Dropped like others they would ask for a runtime, which may be gone.
        for connection in self.idle().drain(..) {
            drop(connection.leak());
        }
    }
}

impl Rest {
    fn idle(&self) -> MutexGuard<'_, Vec<PoolConnection<Any>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use. Dropped without [`Lent::give_back`] it is closed, since nobody knows what would still come
/// over it.
pub(super) struct Lent<'p> {
    // Dropped before the turn: who is next finds this one gone.
    connection: PoolConnection<Any>,
    lane: &'p Lane,
    _turn: Option<SemaphorePermit<'p>>,
}

impl Lane {
    /// Connections that the pool looks after.
    pub(super) fn watched(pool: AnyPool) -> Self {
        Self { pool, rest: None }
    }

    /// Connections that are trusted to stay, at most as many as the pool may open.
    pub(super) fn trusted(pool: AnyPool) -> Self {
        let most = pool.options().get_max_connections();
        let rest = Rest {
            turns: Semaphore::new(most as usize),
            idle: Mutex::default(),
        };
        let rest = Some(Arc::new(rest));
        Self { pool, rest }
    }

    /// The pool below, for what needs no turn.
    pub(super) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// A connection, in turn.
    pub(super) async fn borrow(&self) -> Result<Lent<'_>, Error> {
        let turn = match &self.rest {
            Some(rest) => {
                let turn = timeout(PATIENCE, rest.turns.acquire()).await;
                let turn = turn.map_err(|_| Error::PoolTimedOut)?;
                Some(turn.map_err(|_| Error::PoolClosed)?)
            }
            None => None,
        };
        let mut connection = self.take().await?;
        connection.close_on_drop();
        Ok(Lent {
            connection,
            lane: self,
            _turn: turn,
        })
    }

    /// A connection for whoever cannot wait in line, which does not come back to rest.
    pub(super) async fn take(&self) -> Result<PoolConnection<Any>, Error> {
        let rested = self.rest.as_ref().and_then(|rest| rest.idle().pop());
        match rested {
            Some(connection) => Ok(connection),
            None => self.pool.acquire().await,
        }
    }

    /// Closes the connections, when those in use have come back.
    pub(super) async fn close(&self) {
        let closing = self.pool.close();
        if let Some(rest) = &self.rest {
            rest.idle().clear();
        }
        closing.await;
    }
}

impl Lent<'_> {
    /// The connection.
    pub(super) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }

    /// The statement came to its end; the next may follow.
    pub(super) fn give_back(self) {
        let Self {
            mut connection,
            lane,
            _turn,
        } = self;
        match &lane.rest {
            Some(rest) if !lane.pool.is_closed() => rest.idle().push(connection),
            // At leisure: the pool asks it for a sign of life first, and would wait for that for ever.
            _ => {
                rocket::tokio::spawn(timeout(PATIENCE, connection.return_to_pool()));
            }
        }
    }
}
