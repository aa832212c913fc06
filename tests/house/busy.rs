//! Somebody else in the middle of a change of their own, who holds what it locks until it is done.

use rocket::tokio::runtime::{Builder, Runtime};
use sqlx::{AnyConnection, Connection};

/// A connection of its own, and no thread of the service's.
pub struct Busy {
    runtime: Runtime,
    connection: AnyConnection,
}

impl Busy {
    /// Has run these on this database, of which the first begins.
    pub fn with(url: &str, statements: &[&'static str]) -> Self {
        sqlx::any::install_default_drivers();
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let connection = runtime.block_on(AnyConnection::connect(url));
        let connection = connection.expect("the database opens");
        let mut busy = Self {
            runtime,
            connection,
        };
        statements.iter().for_each(|sql| busy.run(sql));
        busy
    }

    /// Is done, with all of it written.
    pub fn commit(mut self) {
        self.run("commit");
    }

    /// Is done, with nothing changed.
    pub fn roll_back(mut self) {
        self.run("rollback");
    }

    fn run(&mut self, sql: &'static str) {
        let done = sqlx::query(sql).execute(&mut self.connection);
        self.runtime.block_on(done).expect("done");
    }
}
