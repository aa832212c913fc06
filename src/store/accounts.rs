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
    one(pool, "select id, username, email, password_hash, created_at from accounts where username_key = $1", key).await
}

/// The account with this address, in the form in which it is compared.
///
/// # Errors
/// The database does not answer.
pub async fn by_email(pool: &Pool, key: &str) -> Result<Option<Account>, Fault> {
    one(
        pool,
        "select id, username, email, password_hash, created_at from accounts where email_key = $1",
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
