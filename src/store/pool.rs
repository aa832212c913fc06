//! Connections to the database, and the only place that knows which database it is.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rocket::figment::Figment;
use rocket::tokio::sync::{Semaphore, SemaphorePermit};
use rocket::tokio::time::timeout;
use rocket_db_pools::Database;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgListener;
use sqlx::{Any, AnyPool, ConnectOptions, Executor};

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
    /// Whose turn it is to write; nobody asks on PostgreSQL.
    turns: Option<Arc<Semaphore>>,
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

/// The right to write, until dropped.
pub(super) struct Writer<'p> {
    pub(super) any: &'p AnyPool,
    _turn: Option<SemaphorePermit<'p>>,
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
            .log_statements(log::LevelFilter::Off)
            .log_slow_statements(log::LevelFilter::Off, PATIENCE);
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
        let turns = sqlite.then(|| Arc::new(Semaphore::new(1)));
        let postgres = (!sqlite).then(|| url.into());
        Ok(Self {
            any,
            turns,
            postgres,
        })
    }

    /// The connections, for a statement that writes. On SQLite one writes at a time anyway; waiting here keeps the
    /// others' connections free for reading.
    ///
    /// # Errors
    /// Another writer did not finish in time.
    pub(super) async fn write(&self) -> Result<Writer<'_>, Fault> {
        let turn = match &self.turns {
            Some(turns) => Some(
                timeout(PATIENCE, turns.acquire())
                    .await
                    .map_err(|_| sqlx::Error::PoolTimedOut)?,
            ),
            None => None,
        };
        let turn = turn.transpose().map_err(|_| sqlx::Error::PoolClosed)?;
        Ok(Writer {
            any: &self.any,
            _turn: turn,
        })
    }

    /// The connections themselves, for the statements of this folder.
    pub(super) fn any(&self) -> &AnyPool {
        &self.any
    }

    /// Tells the other instances that something ended. Who misses it finds out by asking, so that a telling which
    /// fails takes nothing back.
    pub async fn tell(&self) {
        if self.postgres.is_some() {
            let _ = sqlx::query("select pg_notify('vestibule', '')")
                .execute(&self.any)
                .await;
        }
    }

    /// Whether the connections were closed for good.
    pub fn is_closed(&self) -> bool {
        self.any.is_closed()
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
