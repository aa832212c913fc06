//! Statements that end: with rows, with a fault, or because the database kept silent for too long.
//!
//! sqlx waits for ever for a database that took a statement and then says nothing more, because its process hangs or
//! its machine is gone. Here nobody does: after a while the statement has failed, and its connection is closed, since
//! nobody knows what would still come over it.

use std::time::Duration;

use rocket::futures::future::BoxFuture;
use rocket::futures::stream::{self, BoxStream};
use rocket::futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use rocket::tokio::time::timeout;
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::{Any, Either, Error, Execute, Executor, SqlStr};

use super::lane::Lane;

/// How long a request waits for a connection, and a connection for another writer's lock.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long a statement may take. Longer than SQLite waits for a lock: its own words say more than our silence.
const STATEMENT: Duration = Duration::from_secs(6);

/// The connections, for statements that end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patient<'p>(pub(super) &'p Lane);

impl Patient<'_> {
    /// Hands over each row as it comes, where there may be too many to gather.
    pub(super) async fn each_row<'q>(
        self,
        query: impl Execute<'q, Any> + 'q,
        mut each: impl FnMut(AnyRow) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut lent = self.0.borrow().await?;
        let mut rows = lent.connection().fetch(query);
        while let Some(row) = in_time(rows.try_next()).await?? {
            each(row)?;
        }
        drop(rows);
        lent.give_back();
        Ok(())
    }
}

impl<'p> Executor<'p> for Patient<'p> {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        // Gathered before anyone looks, so that nobody's slowness counts as the database's.
        let rows = async move {
            let mut lent = self.0.borrow().await?;
            let rows = lent.connection().fetch_many(query).try_collect::<Vec<_>>();
            let rows = in_time(rows).await?;
            lent.give_back();
            Ok(stream::iter(rows?.into_iter().map(Ok)))
        };
        rows.try_flatten_stream().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let row = async move {
            let mut lent = self.0.borrow().await?;
            // Read to the end: SQLite commits what returns rows only after the last, and a disk that is full then
            // would go unheard by who left with the first.
            let rows = in_time(lent.connection().fetch_all(query)).await?;
            lent.give_back();
            Ok(rows?.into_iter().next())
        };
        row.boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'p: 'e,
    {
        self.0.pool().prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<sqlx::Describe<Any>, Error>>
    where
        'p: 'e,
    {
        self.0.pool().describe(sql)
    }
}

/// What a statement came to, in time. The outer fault is silence.
pub(super) async fn in_time<T>(
    statement: impl Future<Output = Result<T, Error>>,
) -> Result<Result<T, Error>, Error> {
    let done = timeout(STATEMENT, statement).await;
    done.map_err(|_| Error::Io(std::io::ErrorKind::TimedOut.into()))
}
