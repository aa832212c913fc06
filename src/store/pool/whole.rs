//! A database as a whole: alone with it, and what tables and columns it has.

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions, Connection, Executor, Row};

use super::{Fault, MIGRATIONS, Pool, Work};

/// A column of a table.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) struct Column {
    pub(in crate::store) name: String,
    /// `bigint`; all others are `text`.
    pub(in crate::store) is_number: bool,
}

/// The same for who wants the file alone: the first statement fails where another process has it open.
const SQLITE_PRAGMAS_ALONE: &str = "pragma busy_timeout = 1000; pragma locking_mode = exclusive; \
                                    pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;";

impl Pool {
    /// Connects to a database that nobody else uses, and brings its tables up to date. `Ok(None)`: somebody does.
    ///
    /// # Errors
    /// A database that cannot be reached, or whose tables are not ours.
    pub async fn alone(url: &str) -> Result<Option<Self>, Fault> {
        sqlx::any::install_default_drivers();
        let sqlite = url.starts_with("sqlite:");
        // Asked outside of a pool, which would try again until its patience is over.
        let mut first = url.parse::<AnyConnectOptions>()?.connect().await?;
        if sqlite {
            match first.execute(SQLITE_PRAGMAS_ALONE).await {
                Err(sqlx::Error::Database(error)) if error.message().contains("locked") => {
                    return Ok(None);
                }
                done => done?,
            };
        } else if others(&mut first).await? > 0 {
            return Ok(None);
        }
        first.close().await?;
        let pool = Self::connect(url, 1, SQLITE_PRAGMAS_ALONE).await?;
        // One connection does it all: another of our own would be somebody, too.
        let pool = Self {
            any: pool.writer.clone(),
            ear: pool.writer.clone(),
            ..pool
        };
        MIGRATIONS.run(pool.writer.pool()).await?;
        Ok(Some(pool))
    }

    /// Begins to read what then stays as it is, whatever others do. On SQLite they cannot write meanwhile.
    ///
    /// # Errors
    /// The database does not answer.
    pub(in crate::store) async fn begin_still(&self) -> Result<Work<'_>, Fault> {
        let mut work = self.begin().await?;
        if !self.is_sqlite() {
            let still = "set transaction isolation level repeatable read, read only";
            work.run(sqlx::query(still)).await?;
            // Nobody waits for what it holds, and it waits while the other database works.
            let patient = "set local idle_in_transaction_session_timeout = 0";
            work.run(sqlx::query(patient)).await?;
        }
        Ok(work)
    }

    /// The names of all tables but the one that counts migrations.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn table_names(&self) -> Result<Vec<String>, Fault> {
        let select = if self.is_sqlite() {
            "select name from sqlite_master where type = 'table' and substr(name, 1, 7) <> 'sqlite_'"
        } else {
            "select cast(tablename as text) as name from pg_tables where schemaname = current_schema()"
        };
        let rows = sqlx::query(select).fetch_all(self.any()).await?;
        let names = rows.iter().map(|row| row.try_get::<String, _>("name"));
        let mut names = names.collect::<Result<Vec<_>, _>>()?;
        names.retain(|name| name != "_sqlx_migrations");
        names.sort();
        Ok(names)
    }

    /// The columns of a table, in the order of their names.
    ///
    /// # Errors
    /// The database does not answer.
    pub(in crate::store) async fn columns(&self, table: &str) -> Result<Vec<Column>, Fault> {
        let select = if self.is_sqlite() {
            "select name, type as kind from pragma_table_info($1)"
        } else {
            "select cast(column_name as text) as name, cast(data_type as text) as kind
             from information_schema.columns where table_schema = current_schema() and table_name = $1"
        };
        let rows = sqlx::query(select)
            .bind(table)
            .fetch_all(self.any())
            .await?;
        let columns = rows.iter().map(|row| {
            Ok(Column {
                name: row.try_get("name")?,
                is_number: row
                    .try_get::<String, _>("kind")?
                    .eq_ignore_ascii_case("bigint"),
            })
        });
        let mut columns = columns.collect::<Result<Vec<_>, sqlx::Error>>()?;
        columns.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(columns)
    }
}

/// How many others are connected to a PostgreSQL database. What another role does is not shown to everyone, so a kind
/// that is not told counts, too; but whose it is is shown, and the server's own workers are nobody's.
async fn others(connection: &mut AnyConnection) -> Result<i64, Fault> {
    let others = "select count(*) as others from pg_stat_activity
                  where datname = current_database() and pid <> pg_backend_pid() and usesysid is not null
                    and coalesce(backend_type, 'client backend') = 'client backend'";
    let row = sqlx::query(others).fetch_one(connection).await?;
    Ok(row.try_get("others")?)
}
