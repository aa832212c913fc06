//! The tables `account_events` and `wrong_passwords`: what happened to an account, for its owner to read.

use serde::Serialize;
use sqlx::Row;

use super::{Fault, Pool, Work};

/// For how many seconds both are kept.
pub const KEPT: i64 = 90 * 86_400;

/// How many events of an account are kept, so that nobody fills the disk.
const MOST_EVENTS: i64 = 100;

/// How many rows of wrong passwords are kept for an account. Apart from the others, so that no stranger's guessing
/// pushes those out.
const MOST_WRONG: i64 = 20;

const DAY: i64 = 86_400;

/// Something that happened, as remembered.
#[derive(Serialize)]
pub struct Event {
    /// To which account.
    #[serde(skip)]
    pub account_id: String,
    /// What, such as `password_changed`.
    pub kind: String,
    /// Seconds since 1970.
    pub happened_at: i64,
    /// From which address.
    pub client: String,
    /// With what, in words.
    pub device: String,
    /// What was before, where that helps; else empty.
    pub detail: String,
}

/// Wrong passwords of one day from one address.
#[derive(Serialize)]
pub struct WrongPasswords {
    /// From which address.
    pub client: String,
    /// With what, the last time, in words.
    pub device: String,
    /// How many.
    pub times: i64,
    /// When the last one came, in seconds since 1970.
    pub last_at: i64,
}

/// Notes an event.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn note(pool: &Pool, event: &Event) -> Result<(), Fault> {
    let mut work = pool.begin().await?;
    add(&mut work, event).await?;
    work.commit().await
}

/// Notes an event together with the change that it tells of, and forgets those of the account that are too many.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn add(work: &mut Work<'_>, event: &Event) -> Result<(), Fault> {
    let new = sqlx::query(
        "insert into account_events (account_id, kind, happened_at, client, device, detail)
         values ($1, $2, $3, $4, $5, $6)",
    );
    let new = new
        .bind(&event.account_id)
        .bind(&event.kind)
        .bind(event.happened_at)
        .bind(&event.client)
        .bind(&event.device)
        .bind(&event.detail);
    work.run(new).await?;
    let surplus = sqlx::query(
        "delete from account_events where account_id = $1 and happened_at < (
             select happened_at from account_events where account_id = $1 order by happened_at desc limit 1 offset $2)",
    );
    work.run(surplus.bind(&event.account_id).bind(MOST_EVENTS - 1))
        .await?;
    Ok(())
}

/// Counts a wrong password. `key` is an account's id, or for a name that nobody has any other text: both cost the
/// same writes.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn count_wrong(
    pool: &Pool,
    key: &str,
    client: &str,
    device: &str,
    now: i64,
) -> Result<(), Fault> {
    let mut work = pool.begin().await?;
    let one = sqlx::query(
        "insert into wrong_passwords (account_id, client, day, device, times, last_at) values ($1, $2, $3, $4, 1, $5)
         on conflict (account_id, client, day) do update
         set times = wrong_passwords.times + 1, device = excluded.device, last_at = excluded.last_at",
    );
    let one = one
        .bind(key)
        .bind(client)
        .bind(now / DAY)
        .bind(device)
        .bind(now);
    work.run(one).await?;
    let surplus = sqlx::query(
        "delete from wrong_passwords where account_id = $1 and last_at < (
             select last_at from wrong_passwords where account_id = $1 order by last_at desc limit 1 offset $2)",
    );
    work.run(surplus.bind(key).bind(MOST_WRONG - 1)).await?;
    work.commit().await
}

/// What happened to an account, the newest first.
///
/// # Errors
/// The database does not answer.
pub async fn of_account(pool: &Pool, account: &str) -> Result<Vec<Event>, Fault> {
    let rows = sqlx::query(
        "select account_id, kind, happened_at, client, device, detail from account_events
         where account_id = $1 order by happened_at desc limit $2",
    )
    .bind(account)
    .bind(MOST_EVENTS)
    .fetch_all(pool.any())
    .await?;
    let events = rows.iter().map(|row| {
        Ok(Event {
            account_id: row.try_get("account_id")?,
            kind: row.try_get("kind")?,
            happened_at: row.try_get("happened_at")?,
            client: row.try_get("client")?,
            device: row.try_get("device")?,
            detail: row.try_get("detail")?,
        })
    });
    Ok(events.collect::<Result<_, sqlx::Error>>()?)
}

/// The wrong passwords of an account, the newest first.
///
/// # Errors
/// The database does not answer.
pub async fn wrong_of_account(pool: &Pool, account: &str) -> Result<Vec<WrongPasswords>, Fault> {
    let rows = sqlx::query(
        "select client, device, times, last_at from wrong_passwords
         where account_id = $1 order by last_at desc, client limit $2",
    )
    .bind(account)
    .bind(MOST_WRONG)
    .fetch_all(pool.any())
    .await?;
    let wrong = rows.iter().map(|row| {
        Ok(WrongPasswords {
            client: row.try_get("client")?,
            device: row.try_get("device")?,
            times: row.try_get("times")?,
            last_at: row.try_get("last_at")?,
        })
    });
    Ok(wrong.collect::<Result<_, sqlx::Error>>()?)
}

/// Forgets what happened before.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn forget(pool: &Pool, before: i64) -> Result<(), Fault> {
    sqlx::query("delete from account_events where happened_at < $1")
        .bind(before)
        .execute(pool.write())
        .await?;
    sqlx::query("delete from wrong_passwords where last_at < $1")
        .bind(before)
        .execute(pool.write())
        .await?;
    Ok(())
}
