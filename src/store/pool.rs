//! Connections to the database, and the only place that knows which database it is.

mod whole;

use std::cmp::Ordering;
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rocket::figment::Figment;
use rocket::futures::stream::BoxStream;
use rocket::tokio::time::timeout;
use rocket_db_pools::Database;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyQueryResult, AnyRow};
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgListener;
use sqlx::{Any, AssertSqlSafe, ConnectOptions, Connection, Execute, Executor, Row};

pub(super) use whole::Column;

use super::Fault;
use super::lane::{Lane, Lent};
use super::patience::{self, PATIENCE, Patient};

/// One set for both databases.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Our pool as Rocket manages it: opened at ignition, closed at shutdown.
#[derive(Database, Clone)]
#[database("vestibule")]
pub struct Db(Pool);

/// A pool of connections to SQLite or PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    any: Lane,
    /// For writing. On SQLite one connection does it all: one that others write beside must read everything anew.
    writer: Lane,
    /// For hearing what ended elsewhere, which must not wait until others are done with the connections.
    ear: Lane,
    /// Where to listen for other instances; SQLite has no way to tell.
    postgres: Option<Arc<str>>,
}

/// Rings when another instance tells something, or after a while all the same.
pub struct Bell {
    url: Option<Arc<str>>,
    listener: Option<PgListener>,
}

impl Bell {
    /// Waits for a ring, at most this long.
    pub async fn ring(&mut self, most: Duration) {
        let (Some(url), None) = (&self.url, &self.listener) else {
            return self.hear(most).await;
        };
        // The connection was lost; until it is back, the clock rings.
        rocket::tokio::time::sleep(most).await;
        self.listener = Self::listen(url).await;
    }

    async fn hear(&mut self, most: Duration) {
        let Some(listener) = &mut self.listener else {
            return rocket::tokio::time::sleep(most).await;
        };
        match timeout(most, listener.recv()).await {
            // Many rings at once are one, and rings come at most every 20 ms.
            Ok(Ok(_)) => {
                rocket::tokio::time::sleep(Duration::from_millis(20)).await;
                while listener.next_buffered().is_some() {}
            }
            Ok(Err(_)) => self.listener = None,
            Err(_) => {}
        }
    }

    async fn listen(url: &str) -> Option<PgListener> {
        let listening = async {
            let mut listener = PgListener::connect(url).await?;
            listener.listen("vestibule").await?;
            Ok::<_, sqlx::Error>(listener)
        };
        // Short, since nobody asks the database meanwhile.
        timeout(Duration::from_secs(1), listening).await.ok()?.ok()
    }
}

/// How the tables of a database stand to those of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// The same.
    Ours,
    /// The next start brings them up to date.
    Older,
    /// A newer program has used them.
    Newer,
    /// None are there.
    Missing,
}

/// A setting of the database on which it depends what survives a crash.
pub struct Durability {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// Whether what was acknowledged survives with it.
    pub is_safe: bool,
}

/// Statements that take effect together or not at all: not at all when dropped, which closes their connection.
pub struct Work<'p>(Lent<'p>);

impl Work<'_> {
    pub(super) async fn run<'q>(
        &mut self,
        query: impl Execute<'q, Any> + 'q,
    ) -> Result<AnyQueryResult, Fault> {
        Ok(patience::in_time(self.0.connection().execute(query)).await??)
    }

    /// The first row of what a statement returns, which is read to the end.
    pub(super) async fn row<'q>(
        &mut self,
        query: impl Execute<'q, Any> + 'q,
    ) -> Result<Option<AnyRow>, Fault> {
        Ok(self.all(query).await?.into_iter().next())
    }

    /// All rows of what a statement returns.
    pub(super) async fn all<'q>(
        &mut self,
        query: impl Execute<'q, Any> + 'q,
    ) -> Result<Vec<AnyRow>, Fault> {
        let rows = self.0.connection().fetch_all(query);
        Ok(patience::in_time(rows).await??)
    }

    /// Takes everything back, and keeps the connection for others.
    ///
    /// # Errors
    /// The database does not answer; nothing took effect all the same.
    pub async fn undo(mut self) -> Result<(), Fault> {
        self.run(sqlx::query("rollback")).await?;
        self.0.give_back();
        Ok(())
    }

    /// The rows, as they come.
    pub(super) fn rows<'w, 'q: 'w>(
        &'w mut self,
        query: impl Execute<'q, Any> + 'q,
    ) -> BoxStream<'w, Result<AnyRow, sqlx::Error>> {
        self.0.connection().fetch(query)
    }

    /// Makes it true.
    ///
    /// # Errors
    /// The database does not answer or cannot write. It may have happened all the same.
    pub async fn commit(mut self) -> Result<(), Fault> {
        self.run(sqlx::query("commit")).await?;
        self.0.give_back();
        Ok(())
    }
}

impl Pool {
    /// Connects and brings the tables up to date.
    ///
    /// # Errors
    /// A database that cannot be reached, or whose tables are not ours.
    pub async fn open(url: &str, connections: u32) -> Result<Self, Fault> {
        let pool = Self::connect(url, connections, SQLITE_PRAGMAS).await?;
        MIGRATIONS.run(pool.writer.pool()).await?;
        Ok(pool)
    }

    /// Connects to look at a database as it is: nothing is made, and nothing brought up to date.
    ///
    /// # Errors
    /// A database that is not there or cannot be reached.
    pub async fn look(url: &str) -> Result<Self, Fault> {
        sqlx::any::install_default_drivers();
        let url = url.replace("mode=rwc", "mode=rw");
        // A pool would try again until its patience is over, and then not know why it failed.
        let alone = url.parse::<AnyConnectOptions>()?;
        let alone = timeout(PATIENCE, alone.connect()).await;
        alone.map_err(|_| Fault::silent())??.close().await?;
        Self::connect(&url, 1, "pragma busy_timeout = 5000;").await
    }

    async fn connect(url: &str, connections: u32, pragmas: &'static str) -> Result<Self, Fault> {
        sqlx::any::install_default_drivers();
        let sqlite = url.starts_with("sqlite:");
        // Told at a level that no operator sees, for tests that hold two log-ins against each other. What statements bind
        // is never told, and the cause of a fault is logged anyway.
        let options = url
            .parse::<AnyConnectOptions>()?
            .log_statements(log::LevelFilter::Trace)
            .log_slow_statements(log::LevelFilter::Off, PATIENCE);
        let pool_of = |connections| {
            AnyPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(PATIENCE)
                // A file does not go away as a server may; asking it each time would double the work of a question.
                .test_before_acquire(!sqlite)
                .after_connect(move |connection, _| {
                    Box::pin(async move {
                        let settings = if sqlite { pragmas } else { POSTGRES_SETTINGS };
                        connection.execute(settings).await?;
                        Ok(())
                    })
                })
        };
        let first = if sqlite { 1 } else { connections };
        let writer = pool_of(first).connect_with(options.clone()).await?;
        let (any, writer, ear) = if sqlite {
            let readers = pool_of((connections - first).max(1)).connect_lazy_with(options);
            let readers = Lane::trusted(readers);
            (readers.clone(), Lane::trusted(writer), readers)
        } else {
            let all = Lane::watched(writer);
            let ear = pool_of(1).connect_lazy_with(options);
            (all.clone(), all, Lane::watched(ear))
        };
        let postgres = (!sqlite).then(|| url.into());
        Ok(Self {
            any,
            writer,
            ear,
            postgres,
        })
    }

    /// The connections, for a statement that writes. On SQLite one writes at a time anyway; waiting for the one that
    /// does keeps the others free for reading.
    pub(super) fn write(&self) -> Patient<'_> {
        Patient(&self.writer)
    }

    /// Statements that take effect together. On SQLite they have the write lock from the start: one that is taken
    /// only after reading is refused to all but one.
    ///
    /// # Errors
    /// The database does not answer, or another writer did not finish in time.
    pub async fn begin(&self) -> Result<Work<'_>, Fault> {
        let mut work = Work(self.writer.borrow().await?);
        let begin = if self.is_sqlite() {
            "begin immediate"
        } else {
            "begin"
        };
        work.run(sqlx::query(begin)).await?;
        Ok(work)
    }

    fn is_sqlite(&self) -> bool {
        self.postgres.is_none()
    }

    /// The database's own time in seconds, as it writes it in SQL. One clock for all instances.
    pub(super) fn clock(&self) -> &'static str {
        if self.is_sqlite() {
            "unixepoch()"
        } else {
            "cast(extract(epoch from clock_timestamp()) as bigint)"
        }
    }

    /// Ends a selection of rows that are to be changed: those that somebody else is changing are passed by, so that
    /// whoever takes many at once waits for nobody. SQLite has one writer, and no words for it.
    pub(super) fn passing_by(&self) -> &'static str {
        if self.is_sqlite() {
            ""
        } else {
            " for update skip locked"
        }
    }

    /// The database's own time, in seconds since 1970.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn now(&self) -> Result<i64, Fault> {
        let select = AssertSqlSafe(format!("select {} as now", self.clock()));
        let row = sqlx::query(select).fetch_one(self.ear()).await?;
        Ok(row.try_get("now")?)
    }

    /// The connection that is kept for hearing what ended elsewhere.
    pub(super) fn ear(&self) -> Patient<'_> {
        Patient(&self.ear)
    }

    /// The connections themselves, for the statements of this folder.
    pub(super) fn any(&self) -> Patient<'_> {
        Patient(&self.any)
    }

    /// Tells the other instances that something ended. Who misses it finds out by asking, so that a telling which
    /// fails takes nothing back.
    pub async fn tell(&self) {
        if self.postgres.is_some() {
            let _ = sqlx::query("select pg_notify('vestibule', '')")
                .execute(self.any())
                .await;
        }
    }

    /// Whether the connections were closed for good.
    pub fn is_closed(&self) -> bool {
        self.any.pool().is_closed()
    }

    /// A bell that rings when another instance tells something.
    pub async fn bell(&self) -> Bell {
        let listener = match &self.postgres {
            Some(url) => Bell::listen(url).await,
            None => None,
        };
        Bell {
            url: self.postgres.clone(),
            listener,
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// None came in time.
    pub async fn ping(&self) -> Result<(), Fault> {
        sqlx::query("select 1").execute(self.any()).await?;
        Ok(())
    }

    /// Whether the tables are those that this program knows.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn tables(&self) -> Result<Tables, Fault> {
        let known = MIGRATIONS.iter().map(|one| one.version).max().unwrap_or(0);
        let select = "select coalesce(max(version), 0) as version from _sqlx_migrations";
        let row = match sqlx::query(select).fetch_one(self.any()).await {
            Err(sqlx::Error::Database(_)) => return Ok(Tables::Missing),
            answer => answer?,
        };
        let version: i64 = row.try_get("version")?;
        Ok(match version.cmp(&known) {
            Ordering::Less => Tables::Older,
            Ordering::Equal => Tables::Ours,
            Ordering::Greater => Tables::Newer,
        })
    }

    /// What decides whether something acknowledged survives a crash: the database's settings, with the value that each
    /// has and whether it is safe.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn durability(&self) -> Result<Vec<Durability>, Fault> {
        let asked: &[(&str, &str)] = if self.is_sqlite() {
            &[(
                "journal_mode",
                "select journal_mode as value from pragma_journal_mode",
            )]
        } else {
            &[
                ("fsync", "select current_setting('fsync') as value"),
                (
                    "full_page_writes",
                    "select current_setting('full_page_writes') as value",
                ),
                (
                    "synchronous_commit",
                    "select current_setting('synchronous_commit') as value",
                ),
            ]
        };
        let mut found = Vec::new();
        for &(name, select) in asked {
            let row = sqlx::query(select).fetch_one(self.any()).await?;
            let value: String = row.try_get("value")?;
            // PostgreSQL has more words than "on" for the last: how far replicas are waited for.
            let is_safe = if self.is_sqlite() {
                value == "wal"
            } else {
                value != "off"
            };
            found.push(Durability {
                name,
                value,
                is_safe,
            });
        }
        Ok(found)
    }

    /// Closes every connection, and waits for that a while: a database that hangs must not keep the process.
    pub async fn close(&self) {
        let _ = timeout(PATIENCE, async {
            self.any.close().await;
            self.writer.close().await;
            self.ear.close().await;
        })
        .await;
    }
}

/// WAL: readers never wait for the writer. FULL: what was acknowledged survives a power cut. The cache is small,
/// because the rows are; each connection has its own. What is deleted is overwritten: who leaves is gone from the file, too.
const SQLITE_PRAGMAS: &str = "pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = full; \
                              pragma foreign_keys = on; pragma cache_size = -64; pragma secure_delete = on;";

/// A client that was cut off in the middle of something must not make others wait for what it locked, and nobody waits
/// for a lock longer than whoever asked: what then takes effect, nobody would know of.
const POSTGRES_SETTINGS: &str =
    "set lock_timeout = '5s'; set idle_in_transaction_session_timeout = '8s';";

#[rocket::async_trait]
impl rocket_db_pools::Pool for Pool {
    type Connection = PoolConnection<Any>;
    type Error = Fault;

    async fn init(figment: &Figment) -> Result<Self, Fault> {
        let wanted =
            |error: rocket::figment::Error| Fault(sqlx::Error::Configuration(error.into()));
        let url: String = figment.extract_inner("url").map_err(wanted)?;
        let connections: u32 = figment.extract_inner("max_connections").map_err(wanted)?;
        Self::open(&url, connections).await
    }

    async fn get(&self) -> Result<PoolConnection<Any>, Fault> {
        Ok(self.any.take().await?)
    }

    async fn close(&self) {
        Self::close(self).await;
    }
}

/// Makes the data directory (0700) and the database's file (0600) in it, where they are not there yet, and holds the
/// directory until the answer is dropped. SQLite would make the file readable by others, and gives its journals the
/// same mode.
///
/// # Errors
/// A folder that cannot be made, written or locked.
pub fn lock_data_dir(data_dir: &Path, with_database: bool) -> std::io::Result<File> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(data_dir)?;
    let private = |name: &str| {
        let mut options = OpenOptions::new();
        options
            .create(true)
            .append(true)
            .mode(0o600)
            .open(data_dir.join(name))
    };
    let lock = private("lock")?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)?;
    if with_database {
        private("vestibule.db")?;
    }
    Ok(lock)
}
