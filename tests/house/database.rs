//! A fresh database for one test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A database and a data directory that are gone when the last who shares them is dropped.
pub struct Database {
    folder: Option<Arc<tempfile::TempDir>>,
    postgres: Option<Arc<Postgres>>,
}

struct Postgres {
    server: String,
    name: String,
}

impl Database {
    /// SQLite in a folder of its own; a database of its own on the PostgreSQL that `TEST_POSTGRES_URL` names.
    pub fn fresh() -> Self {
        let folder = Some(temporary());
        #[expect(
            clippy::disallowed_methods,
            reason = "it is the test run that is set, not the service"
        )]
        let server = std::env::var("TEST_POSTGRES_URL").ok();
        Self {
            folder,
            postgres: server.map(|server| Arc::new(Postgres::create(server))),
        }
    }

    /// SQLite, wherever the other tests run: for what concerns its file.
    pub fn sqlite() -> Self {
        Self {
            folder: Some(temporary()),
            postgres: None,
        }
    }

    /// The same database, for another instance.
    pub fn shared(&self) -> Self {
        Self {
            folder: self.folder.clone(),
            postgres: self.postgres.clone(),
        }
    }

    /// What is left of a database that was handed on.
    pub fn none() -> Self {
        Self {
            folder: None,
            postgres: None,
        }
    }

    /// The data directory, which is not there yet.
    pub fn data_dir(&self) -> PathBuf {
        self.folder
            .as_ref()
            .map_or_else(PathBuf::new, |folder| folder.path().join("data"))
    }

    /// A folder beside it.
    pub fn folder(&self) -> &Path {
        self.folder.as_ref().expect("a database in use").path()
    }

    /// The PostgreSQL database; `None` for SQLite in the data directory.
    pub fn url(&self) -> Option<String> {
        self.postgres
            .as_ref()
            .map(|postgres| format!("{}/{}", postgres.server, postgres.name))
    }

    /// As the service opens it.
    pub fn pool(&self) -> String {
        let file = self.data_dir().join("vestibule.db");
        self.url()
            .unwrap_or_else(|| format!("sqlite://{}", file.display()))
    }

    /// Takes the database away from under the service.
    pub fn lose(&self) {
        match &self.postgres {
            Some(postgres) => postgres.drop_database(),
            // Its file cannot be taken from a process that has it open; what is in it can.
            None => drop(self.ask("drop table accounts")),
        }
    }

    /// How often PostgreSQL refused one of several who waited for each other; SQLite has one writer.
    pub fn deadlocks(&self) -> String {
        let counting = "select deadlocks from pg_stat_database where datname = current_database()";
        let counted = self.postgres.as_ref().map(|_| self.ask(counting).concat());
        counted.unwrap_or_else(|| "0".to_owned())
    }

    /// Asks the database directly, with its own tool or SQLite's library: every row as text, columns joined by `|`.
    pub fn ask(&self, sql: &str) -> Vec<String> {
        match &self.postgres {
            Some(postgres) => psql(&format!("{}/{}", postgres.server, postgres.name), sql),
            None => sqlite(&self.data_dir().join("vestibule.db"), sql),
        }
    }
}

fn temporary() -> Arc<tempfile::TempDir> {
    Arc::new(tempfile::tempdir().expect("a temporary directory"))
}

impl Postgres {
    fn create(server: String) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        psql(
            &format!("{server}/postgres"),
            &format!("create database {name}"),
        );
        Self { server, name }
    }
}

impl Postgres {
    fn drop_database(&self) {
        let sql = format!("drop database if exists {} with (force)", self.name);
        psql(&format!("{}/postgres", self.server), &sql);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.drop_database();
    }
}

fn psql(url: &str, sql: &str) -> Vec<String> {
    let done = Command::new("psql")
        .args([url, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql])
        .output()
        .expect("psql runs");
    assert!(
        done.status.success(),
        "{sql}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

fn sqlite(file: &Path, sql: &str) -> Vec<String> {
    use sqlx::{Column, Connection, Row, TypeInfo, ValueRef};
    let runtime = rocket::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut connection = sqlx::SqliteConnection::connect_with(&options)
            .await
            .expect("the file opens");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()))
            .fetch_all(&mut connection)
            .await
            .expect("the statement runs");
        let text = |row: &sqlx::sqlite::SqliteRow| {
            let columns = row.columns().iter().map(|column| {
                let value = row.try_get_raw(column.ordinal()).expect("a value");
                match value.type_info().name() {
                    "INTEGER" => row.get::<i64, _>(column.ordinal()).to_string(),
                    "NULL" => String::new(),
                    _ => row.get::<String, _>(column.ordinal()),
                }
            });
            columns.collect::<Vec<_>>().join("|")
        };
        rows.iter().map(text).collect()
    })
}
