//! Connections to the database, and the only place that knows which database it is.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rocket::figment::Figment;
use rocket_db_pools::Database;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, ConnectOptions, Executor, Transaction};

use super::Fault;

/// One set for both databases.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How long a request waits for a connection, and a connection for another writer's lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// Our pool as Rocket manages it: opened at ignition, closed at shutdown.
#[derive(Database, Clone)]
#[database("vestibule")]
pub struct Db(Pool);

/// A pool of connections to SQLite or PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    any: AnyPool,
    sqlite: bool,
}

impl Pool {
    /// Connects and brings the tables up to date.
    ///
    /// # Errors
    /// A database that cannot be reached, or whose tables are not ours.
    pub async fn open(url: &str, connections: u32) -> Result<Self, Fault> {
        sqlx::any::install_default_drivers();
        let sqlite = url.starts_with("sqlite:");
        // Statements are not logged: what they bind may be personal, and the cause of a fault is logged anyway.
        let options = url
            .parse::<AnyConnectOptions>()?
            .log_statements(log::LevelFilter::Off);
        let any = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(PATIENCE)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if sqlite {
                        connection.execute(SQLITE_PRAGMAS).await?;
                    }
                    Ok(())
                })
            })
            .connect_with(options)
            .await?;
        MIGRATIONS.run(&any).await?;
        Ok(Self { any, sqlite })
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// No connection, or no lock, in time.
    pub async fn begin(&self) -> Result<Transaction<'static, Any>, Fault> {
        // On SQLite a read lock that is raised later fails at once when another did the same; take it first.
        let begin = if self.sqlite {
            "begin immediate"
        } else {
            "begin"
        };
        Ok(self.any.begin_with(begin).await?)
    }

    /// The connections themselves, for the statements of this folder.
    pub(super) fn any(&self) -> &AnyPool {
        &self.any
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// None came in time.
    pub async fn ping(&self) -> Result<(), Fault> {
        sqlx::query("select 1").execute(&self.any).await?;
        Ok(())
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.any.close().await;
    }
}

/// WAL: readers never wait for the writer. FULL: what was acknowledged survives a power cut. The cache is small,
/// because the rows are; each connection has its own.
const SQLITE_PRAGMAS: &str = "pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = full; \
                              pragma foreign_keys = on; pragma cache_size = -1024;";

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
        Ok(self.any.acquire().await?)
    }

    async fn close(&self) {
        Self::close(self).await;
    }
}

/// Makes the data directory (0700) and the database's file (0600) in it, where they are not there yet. SQLite would
/// make the file readable by others, and gives its journals the same mode.
///
/// # Errors
/// A folder that cannot be made or written.
pub fn make_data_dir(data_dir: &Path, with_database: bool) -> std::io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)?;
    if with_database {
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(data_dir.join("vestibule.db"))?;
    }
    Ok(())
}
