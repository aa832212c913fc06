//! The table `accounts`: who can sign in.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Fault, Pool};

/// A person, as remembered.
pub struct Account {
    /// Never changes, never given to another: a token's `sub`.
    pub id: String,
    /// As typed at registration.
    pub username: String,
    /// As typed at registration.
    pub email: String,
    /// A PHC string.
    pub password_hash: String,
    /// Seconds since 1970.
    pub created_at: i64,
    /// Raised when all that the account has out there must end.
    pub version: i64,
    /// Since when nobody may sign in with it.
    pub disabled_at: Option<i64>,
}

/// What two accounts may not share, in the form in which it is compared.
pub struct Keys {
    /// The username in lower case.
    pub username: String,
    /// The address in lower case.
    pub email: String,
}

fn account(row: &AnyRow) -> Result<Account, sqlx::Error> {
    Ok(Account {
        id: row.try_get("id")?,
        username: row.try_get("username")?,
        email: row.try_get("email")?,
        password_hash: row.try_get("password_hash")?,
        created_at: row.try_get("created_at")?,
        version: row.try_get("version")?,
        disabled_at: row.try_get("disabled_at")?,
    })
}

/// Adds an account. `false`: the username or the address belongs to somebody, and nothing was changed. The question
/// is asked in the write itself, so of two at once exactly one wins.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn insert(pool: &Pool, account: &Account, keys: &Keys) -> Result<bool, Fault> {
    let done = sqlx::query(
        "insert into accounts (id, username, username_key, email, email_key, password_hash, created_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
    )
    .bind(&account.id)
    .bind(&account.username)
    .bind(&keys.username)
    .bind(&account.email)
    .bind(&keys.email)
    .bind(&account.password_hash)
    .bind(account.created_at)
    .execute(pool.write().await?.any)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The account with this username, in the form in which it is compared.
///
/// # Errors
/// The database does not answer.
pub async fn by_username(pool: &Pool, key: &str) -> Result<Option<Account>, Fault> {
    one(pool, "select id, username, email, password_hash, created_at, version, disabled_at from accounts where username_key = $1", key).await
}

/// The account with this address, in the form in which it is compared.
///
/// # Errors
/// The database does not answer.
pub async fn by_email(pool: &Pool, key: &str) -> Result<Option<Account>, Fault> {
    one(
        pool,
        "select id, username, email, password_hash, created_at, version, disabled_at from accounts where email_key = $1",
        key,
    )
    .await
}

/// Replaces a password's hash, but only the one that was checked: another change in between wins.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn replace_hash(pool: &Pool, id: &str, old: &str, new: &str) -> Result<(), Fault> {
    sqlx::query("update accounts set password_hash = $1 where id = $2 and password_hash = $3")
        .bind(new)
        .bind(id)
        .bind(old)
        .execute(pool.write().await?.any)
        .await?;
    Ok(())
}

async fn one(pool: &Pool, sql: &'static str, key: &str) -> Result<Option<Account>, Fault> {
    let row = sqlx::query(sql)
        .bind(key)
        .fetch_optional(pool.any())
        .await?;
    Ok(row.as_ref().map(account).transpose()?)
}

/// An account's version, as the other instances learn of it.
pub struct Version {
    /// Whose.
    pub account: String,
    /// The lowest that is good.
    pub least: i64,
    /// When it was raised.
    pub raised_at: i64,
}

/// Raises the version of an account, and from now on lets people sign in with it, or not. The answer is the new
/// version.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn raise_version(pool: &Pool, id: &str, disabled: bool, now: i64) -> Result<i64, Fault> {
    let row = sqlx::query(
        "update accounts set version = version + 1, version_at = $1, disabled_at = $2 where id = $3
         returning version",
    )
    .bind(now)
    .bind(disabled.then_some(now))
    .bind(id)
    .fetch_one(pool.write().await?.any)
    .await?;
    Ok(row.try_get("version")?)
}

/// Every account whose version was raised since.
///
/// # Errors
/// The database does not answer.
pub async fn raised_since(pool: &Pool, since: i64) -> Result<Vec<Version>, Fault> {
    let rows = sqlx::query("select id, version, version_at from accounts where version_at >= $1")
        .bind(since)
        .fetch_all(pool.any())
        .await?;
    let versions = rows.iter().map(|row| {
        Ok(Version {
            account: row.try_get("id")?,
            least: row.try_get("version")?,
            raised_at: row.try_get("version_at")?,
        })
    });
    Ok(versions.collect::<Result<_, sqlx::Error>>()?)
}
