//! The table `signing_keys`: private keys at rest, sealed, and what became of them.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Fault, Pool};

/// A key as remembered: unreadable without the server secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Its name in the header of a token.
    pub kid: String,
    /// `ES256`, `EdDSA` or `HS256`.
    pub algorithm: String,
    /// The how many-th of its algorithm.
    pub generation: i64,
    /// The private key, sealed and bound to this row; empty once it was wiped.
    pub sealed_private: String,
    /// Seconds since 1970.
    pub created_at: i64,
    /// When it begins to sign.
    pub signs_from: i64,
    /// Set once it will never sign again: from when on it does not verify either.
    pub ended_at: Option<i64>,
    /// `superseded`, `retired` or `compromised`.
    pub ended_why: Option<String>,
}

impl SealedKey {
    /// Whether it can still be opened: what was wiped is gone for good, whatever the clock says.
    pub fn is_there(&self) -> bool {
        !self.sealed_private.is_empty()
    }

    /// Whether it signs, or will.
    pub fn may_sign(&self) -> bool {
        self.is_there() && self.ended_at.is_none()
    }
}

/// Adds a key. Of several that add the same generation at once exactly one wins, and is told so; the others find its
/// key when they look again.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn insert(pool: &Pool, key: &SealedKey) -> Result<bool, Fault> {
    let done = sqlx::query(
        "insert into signing_keys (kid, algorithm, generation, sealed_private, created_at, signs_from)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
    )
    .bind(&key.kid)
    .bind(&key.algorithm)
    .bind(key.generation)
    .bind(&key.sealed_private)
    .bind(key.created_at)
    .bind(key.signs_from)
    .execute(pool.write())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Every key there ever was, the newest generation last.
///
/// # Errors
/// The database does not answer.
pub async fn all(pool: &Pool) -> Result<Vec<SealedKey>, Fault> {
    let rows = sqlx::query(
        "select kid, algorithm, generation, sealed_private, created_at, signs_from, ended_at, ended_why
         from signing_keys order by generation, kid",
    )
    // Asked for with every question about endings, so on the same connection.
    .fetch_all(pool.ear())
    .await?;
    Ok(rows.iter().map(key).collect::<Result<_, _>>()?)
}

fn key(row: &AnyRow) -> Result<SealedKey, sqlx::Error> {
    Ok(SealedKey {
        kid: row.try_get("kid")?,
        algorithm: row.try_get("algorithm")?,
        generation: row.try_get("generation")?,
        sealed_private: row.try_get("sealed_private")?,
        created_at: row.try_get("created_at")?,
        signs_from: row.try_get("signs_from")?,
        ended_at: row.try_get("ended_at")?,
        ended_why: row.try_get("ended_why")?,
    })
}

/// Says of a key that it will never sign again, and verifies until `until`.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn supersede(pool: &Pool, kid: &str, until: i64) -> Result<(), Fault> {
    sqlx::query(
        "update signing_keys set ended_at = $1, ended_why = 'superseded' where kid = $2 and ended_at is null",
    )
    .bind(until)
    .bind(kid)
    .execute(pool.write())
    .await?;
    Ok(())
}

/// Wipes the keys whose time is over.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn wipe_ended(pool: &Pool, now: i64) -> Result<(), Fault> {
    sqlx::query(
        "update signing_keys set sealed_private = '' where ended_at <= $1 and sealed_private <> ''",
    )
    .bind(now)
    .execute(pool.write())
    .await?;
    Ok(())
}

/// Ends trust in a key at once. `false`: it was not trusted any more.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn retire(pool: &Pool, kid: &str, now: i64) -> Result<bool, Fault> {
    let done = sqlx::query(
        "update signing_keys set sealed_private = '', ended_at = $1, ended_why = 'retired'
         where kid = $2 and sealed_private <> ''",
    )
    .bind(now)
    .bind(kid)
    .execute(pool.write())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends trust at once in every key that is older than this generation of its algorithm, and in those of all others.
/// Says how many that were.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn compromise(
    pool: &Pool,
    algorithm: &str,
    generation: i64,
    now: i64,
) -> Result<u64, Fault> {
    let done = sqlx::query(
        "update signing_keys set sealed_private = '', ended_at = $1, ended_why = 'compromised'
         where sealed_private <> '' and (algorithm <> $2 or generation < $3)",
    )
    .bind(now)
    .bind(algorithm)
    .bind(generation)
    .execute(pool.write())
    .await?;
    Ok(done.rows_affected())
}
