//! Databases that have grown: written by SQL, since a million logins would take hours.

use std::path::Path;

use rocket::tokio;
use sqlx::Connection;

use crate::Done;
use crate::process::Vestibule;

/// What a database is filled with.
pub struct Crowd {
    pub accounts: u32,
    /// Sessions that ended, of the first account.
    pub ended: u32,
    /// In the last so many seconds.
    pub within: u32,
}

/// Two servers in folders of their own: one on an empty database, one on a filled one.
pub fn pair(folder: &Path, name: &str, crowd: &Crowd) -> Done<(Vestibule, Vestibule)> {
    let (empty, filled) = (
        folder.join(format!("{name}-empty")),
        folder.join(format!("{name}-filled")),
    );
    for folder in [&empty, &filled] {
        std::fs::create_dir(folder)?;
        // Makes the tables.
        Vestibule::start(folder)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(crowd.write(&filled.join("data/vestibule.db")))?;
    Ok((
        Vestibule::start_unlimited(&empty)?,
        Vestibule::start_unlimited(&filled)?,
    ))
}

impl Crowd {
    async fn write(&self, file: &Path) -> Done<()> {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await?;
        let mut work = connection.begin().await?;
        sqlx::query(
            "with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < $1)
             insert into accounts (id, username, username_key, email, email_key, password_hash, created_at)
             select 'crowd-' || n, 'crowd-' || n, 'crowd-' || n, n || '@crowd.example', n || '@crowd.example', 'none', 0
             from numbers",
        )
        .bind(self.accounts)
        .execute(&mut *work)
        .await?;
        // Ids as ours are: 26 characters of base 32, whose last bits are nought.
        sqlx::query(
            "with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < $1)
             insert into sessions (id, account_id, version, started_at, authenticated_at, last_seen_at, method, client,
                                   device, expires_at, ended_at, ended_why, told_at)
             select replace(replace(replace(replace(substr(lower(hex(randomblob(13))), 1, 25), '0', 'g'), '1', 'h'),
                            '8', 'i'), '9', 'j') || 'a', 'crowd-1', 1, at, at, at, 'password', '127.0.0.1', 'curl',
                    at + 86400, at, 'logged_out', at
             from (select unixepoch() - abs(random() % $2) as at from numbers)",
        )
        .bind(self.ended)
        .bind(self.within)
        .execute(&mut *work)
        .await?;
        work.commit().await?;
        Ok(())
    }
}
