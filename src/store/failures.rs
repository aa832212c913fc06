//! The table `login_failures`: failed attempts in a row.

use sqlx::Row;

use super::{Fault, Pool};

/// Counts one more failed attempt and says how many there are now. `key` is an account's id, or for a name that nobody
/// has any other text: both cost the same write.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn count(pool: &Pool, key: &str) -> Result<i64, Fault> {
    let row = sqlx::query(
        "insert into login_failures (account_id, failures) values ($1, 1)
         on conflict (account_id) do update set failures = login_failures.failures + 1 returning failures",
    )
    .bind(key)
    .fetch_one(pool.write())
    .await?;
    Ok(row.try_get("failures")?)
}

/// The failed attempts of an account since its last success.
///
/// # Errors
/// The database does not answer.
pub async fn of_account(pool: &Pool, account: &str) -> Result<i64, Fault> {
    let row = sqlx::query("select failures from login_failures where account_id = $1")
        .bind(account)
        .fetch_optional(pool.any())
        .await?;
    Ok(row
        .map(|row| row.try_get("failures"))
        .transpose()?
        .unwrap_or(0))
}

/// Forgets the failures of an account.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn forget(pool: &Pool, account: &str) -> Result<(), Fault> {
    sqlx::query("delete from login_failures where account_id = $1")
        .bind(account)
        .execute(pool.write())
        .await?;
    Ok(())
}
