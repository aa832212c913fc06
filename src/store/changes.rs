//! Changes of an account that touch several tables at once, as parts of one work: all of it takes effect, or none.
//!
//! Where the answer is not [`Changed::Done`], the work must be dropped.

use serde::Serialize;
use sqlx::{AssertSqlSafe, Row};

use super::sessions::{self, Session};
use super::{Fault, Pool, Work, events, networks};

/// For how many seconds a name stays reserved for whom it belonged to before.
pub const NAME_KEPT: i64 = 90 * 86_400;

/// How many names are kept for one account at a time: nobody may collect them.
pub const MOST_NAMES: i64 = 3;

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is done.
    Done,
    /// The account was changed meanwhile, or is gone: nothing was done.
    Outdated,
    /// Somebody else has it, or had: nothing was done.
    Taken,
}

/// Replaces the password, ends every session, and starts the one that goes on: with the account's next version, so that
/// a login under way with the old password is too late. Only for an account that still has the version before.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn password(
    work: &mut Work<'_>,
    pool: &Pool,
    hash: &str,
    next: &Session,
    event: &events::Event,
) -> Result<Changed, Fault> {
    let (id, now) = (&next.account_id, event.happened_at);
    let account = sqlx::query(AssertSqlSafe(format!(
        "update accounts set password_hash = $1, version = $2, version_at = $3, version_told_at = {}
         where id = $4 and version = $2 - 1 and disabled_at is null",
        pool.clock()
    )));
    let account = account.bind(hash).bind(next.version).bind(now).bind(id);
    if work.run(account).await?.rows_affected() == 0 {
        return Ok(Changed::Outdated);
    }
    sessions::end_all(work, pool, id, "password_changed", now).await?;
    networks::forget_all(work, id).await?;
    sessions::add(work, next).await?;
    events::add(work, event).await?;
    Ok(Changed::Done)
}

/// A username to be changed.
pub struct NewName<'a> {
    /// As typed.
    pub username: &'a str,
    /// In the form in which names are compared.
    pub key: &'a str,
    /// The one before, in that form.
    pub old_key: &'a str,
    /// The account's version when it was asked for.
    pub version: i64,
}

/// Gives an account another username. The one before stays reserved for it; one that was its own before is taken back.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn username(
    work: &mut Work<'_>,
    name: &NewName<'_>,
    event: &events::Event,
) -> Result<Changed, Fault> {
    match try_username(work, name, event).await {
        // Asked in the write itself, so of two at once exactly one wins.
        Err(fault) if fault.is_taken() => Ok(Changed::Taken),
        other => other,
    }
}

async fn try_username(
    work: &mut Work<'_>,
    name: &NewName<'_>,
    event: &events::Event,
) -> Result<Changed, Fault> {
    let id = &event.account_id;
    let account = sqlx::query(
        "update accounts set username = $1, username_key = $2
         where id = $3 and version = $4 and username_key = $5 and disabled_at is null",
    );
    let account = account
        .bind(name.username)
        .bind(name.key)
        .bind(id)
        .bind(name.version)
        .bind(name.old_key);
    if work.run(account).await?.rows_affected() == 0 {
        return Ok(Changed::Outdated);
    }
    if name.key != name.old_key {
        let own =
            sqlx::query("delete from reserved_names where username_key = $1 and account_id = $2");
        work.run(own.bind(name.key).bind(id)).await?;
        // Fails where it is reserved for somebody else, as the statement above does where somebody has it.
        reserve(work, name.key, Some(id), event.happened_at).await?;
        let free = sqlx::query("delete from reserved_names where username_key = $1");
        work.run(free.bind(name.key)).await?;
        reserve(work, name.old_key, Some(id), event.happened_at).await?;
    }
    events::add(work, event).await?;
    Ok(Changed::Done)
}

async fn reserve(
    work: &mut Work<'_>,
    key: &str,
    account: Option<&str>,
    now: i64,
) -> Result<(), Fault> {
    let name = sqlx::query(
        "insert into reserved_names (username_key, account_id, reserved_at) values ($1, $2, $3)",
    );
    work.run(name.bind(key).bind(account).bind(now)).await?;
    Ok(())
}

/// A name that is reserved for an account.
#[derive(Serialize)]
pub struct Reserved {
    /// In the form in which names are compared.
    pub name: String,
    /// Since when, in seconds since 1970.
    pub since: i64,
}

/// The names that are reserved for an account.
///
/// # Errors
/// The database does not answer.
pub async fn names_of(pool: &Pool, account: &str) -> Result<Vec<Reserved>, Fault> {
    let rows = sqlx::query(
        "select username_key, reserved_at from reserved_names where account_id = $1 order by reserved_at",
    )
    .bind(account)
    .fetch_all(pool.any())
    .await?;
    let names = rows.iter().map(|row| {
        Ok(Reserved {
            name: row.try_get("username_key")?,
            since: row.try_get("reserved_at")?,
        })
    });
    Ok(names.collect::<Result<_, sqlx::Error>>()?)
}

/// Deletes an account that still has this version, with all that is known of it. Its name stays reserved for nobody,
/// unless nobody could use the account yet; and instances are told that no token of it is good.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn delete(
    work: &mut Work<'_>,
    pool: &Pool,
    id: &str,
    username_key: &str,
    version: i64,
    now: i64,
) -> Result<Changed, Fault> {
    let account = sqlx::query(
        "delete from accounts where id = $1 and username_key = $2 and version = $3 returning pending_until",
    );
    let account = account.bind(id).bind(username_key).bind(version);
    let Some(account) = work.row(account).await? else {
        return Ok(Changed::Outdated);
    };
    // What has no row in `accounts` to go with.
    for table in ["login_failures", "wrong_passwords", "outbox"] {
        let delete = AssertSqlSafe(format!("delete from {table} where account_id = $1"));
        work.run(sqlx::query(delete).bind(id)).await?;
    }
    let names = sqlx::query("update reserved_names set account_id = null where account_id = $1");
    work.run(names.bind(id)).await?;
    // A name that only waited for its address was nobody's, as when the wait is over.
    let pending: Option<i64> = account.try_get("pending_until")?;
    if pending.is_none() {
        reserve(work, username_key, None, now).await?;
    }
    let departed = sqlx::query(AssertSqlSafe(format!(
        // It may be there: an account came back under its old id before imports asked. No old token becomes good again.
        "insert into departed_accounts (account_id, version, left_at, told_at) values ($1, $2, $3, {})
         on conflict (account_id) do update set left_at = excluded.left_at, told_at = excluded.told_at,
            version = case when departed_accounts.version > excluded.version then departed_accounts.version
                           else excluded.version end",
        pool.clock()
    )));
    work.run(departed.bind(id).bind(version + 1).bind(now))
        .await?;
    Ok(Changed::Done)
}

/// Frees names that were given up before, and forgets accounts that left before.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn forget(pool: &Pool, given_up: i64, left: i64) -> Result<(), Fault> {
    sqlx::query("delete from reserved_names where account_id is not null and reserved_at < $1")
        .bind(given_up)
        .execute(pool.write())
        .await?;
    sqlx::query("delete from departed_accounts where left_at < $1")
        .bind(left)
        .execute(pool.write())
        .await?;
    Ok(())
}
