//! Connections that go from one statement straight to the next.
//!
//! sqlx asks each connection for a sign of life when it comes back, and again before it is lent. A server may be gone,
//! so that is right for PostgreSQL. SQLite is a file in our own process: there the question would cost as much as the
//! statement, so its connections rest here between statements and are not asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rocket::tokio::sync::{Semaphore, SemaphorePermit};
use rocket::tokio::time::timeout;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Error};

use super::patience::PATIENCE;

/// How long one waits for one's turn. Shorter than for another writer's lock: who comes after one that waited for that
/// in vain may have to do the same.
const LINE: Duration = Duration::from_secs(3);

/// How long one waits for a connection in use before another is opened. Most come back within a fraction of it, also
/// where hashes keep the processors busy, and one more costs 0.3 MiB for good.
const SOON: Duration = Duration::from_millis(100);

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
    /// As many permits as connections are idle, for those who wait for one.
    resting: Semaphore,
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

    /// The next connection that rests; none any more when the lane closes.
    async fn next(&self) -> Option<PoolConnection<Any>> {
        self.resting.acquire().await.ok()?.forget();
        self.idle().pop()
    }

    /// One that rests already.
    fn at_once(&self) -> Option<PoolConnection<Any>> {
        self.resting.try_acquire().ok()?.forget();
        self.idle().pop()
    }

    fn put(&self, connection: PoolConnection<Any>) {
        self.idle().push(connection);
        self.resting.add_permits(1);
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
            resting: Semaphore::new(0),
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
                let turn = timeout(LINE, rest.turns.acquire()).await;
                let turn = turn.map_err(|_| Error::PoolTimedOut)?;
                Some(turn.map_err(|_| Error::PoolClosed)?)
            }
            None => None,
        };
        let mut connection = match self.soon().await {
            Some(connection) => connection,
            None => self.take().await?,
        };
        connection.close_on_drop();
        Ok(Lent {
            connection,
            lane: self,
            _turn: turn,
        })
    }

    /// A connection that others have, when they are done. Where there is one turn, nobody has any: whoever has the turn
    /// waits for no one, not even for a connection that was left in the middle of something to be closed.
    async fn soon(&self) -> Option<PoolConnection<Any>> {
        let rest = self.rest.as_ref()?;
        let shared = self.pool.options().get_max_connections() > 1 && self.pool.size() > 0;
        let next = shared.then(|| timeout(SOON, rest.next()))?;
        next.await.ok().flatten()
    }

    /// A connection for whoever cannot wait in line, which does not come back to rest.
    pub(super) async fn take(&self) -> Result<PoolConnection<Any>, Error> {
        match self.rest.as_ref().and_then(|rest| rest.at_once()) {
            Some(connection) => Ok(connection),
            None => self.pool.acquire().await,
        }
    }

    /// Closes the connections, when those in use have come back.
    pub(super) async fn close(&self) {
        let closing = self.pool.close();
        if let Some(rest) = &self.rest {
            rest.resting.close();
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
            Some(rest) if !lane.pool.is_closed() => rest.put(connection),
            // At leisure: the pool asks it for a sign of life first, and would wait for that for ever.
            _ => {
                rocket::tokio::spawn(timeout(PATIENCE, connection.return_to_pool()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use rocket::futures::future::join;
    use sqlx::any::AnyPoolOptions;

    use super::*;

    fn lane(connections: u32) -> Lane {
        sqlx::any::install_default_drivers();
        let options = AnyPoolOptions::new().max_connections(connections);
        Lane::trusted(options.connect_lazy("sqlite::memory:").unwrap())
    }

    #[rocket::async_test]
    async fn another_connection_is_opened_only_where_one_stays_away() {
        let lane = lane(2);
        let first = lane.borrow().await.unwrap();
        let (second, ()) = join(lane.borrow(), async { first.give_back() }).await;
        let second = second.unwrap();
        assert_eq!(lane.pool().size(), 1);
        let third = lane.borrow().await.unwrap();
        assert_eq!(lane.pool().size(), 2);
        second.give_back();
        third.give_back();
        assert_eq!(lane.pool().size(), 2);
        lane.close().await;
    }

    /// Every refusal in the middle of some work leaves its connection like this.
    #[rocket::async_test]
    async fn nobody_waits_for_a_connection_that_will_not_come_back() {
        let lane = lane(1);
        drop(lane.borrow().await.unwrap());
        let waited = timeout(SOON, lane.soon()).await;
        assert!(waited.is_ok_and(|connection| connection.is_none()));
        lane.borrow().await.unwrap().give_back();
        lane.close().await;
    }
}
