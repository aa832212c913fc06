//! The table `signing_keys`: private keys at rest, sealed.

use sqlx::Row;

use super::{Fault, Pool};

/// A key as remembered: unreadable without the server secret.
pub struct SealedKey {
    /// Its name in the header of a token.
    pub kid: String,
    /// `ES256`, `EdDSA` or `HS256`.
    pub algorithm: String,
    /// The how many-th of its algorithm.
    pub generation: i64,
    /// The private key, sealed and bound to this row.
    pub sealed_private: String,
    /// Seconds since 1970.
    pub created_at: i64,
}

/// Adds a key. Of several instances that add the same generation at once, exactly one wins and the others find its
/// key when they look again.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn insert(pool: &Pool, key: &SealedKey) -> Result<(), Fault> {
    sqlx::query(
        "insert into signing_keys (kid, algorithm, generation, sealed_private, created_at)
         values ($1, $2, $3, $4, $5) on conflict do nothing",
    )
    .bind(&key.kid)
    .bind(&key.algorithm)
    .bind(key.generation)
    .bind(&key.sealed_private)
    .bind(key.created_at)
    .execute(pool.write().await?.any)
    .await?;
    Ok(())
}

/// Every key, the newest generation last.
///
/// # Errors
/// The database does not answer.
pub async fn all(pool: &Pool) -> Result<Vec<SealedKey>, Fault> {
    let rows = sqlx::query(
        "select kid, algorithm, generation, sealed_private, created_at from signing_keys order by generation, kid",
    )
    .fetch_all(pool.any())
    .await?;
    let keys = rows.iter().map(|row| {
        Ok(SealedKey {
            kid: row.try_get("kid")?,
            algorithm: row.try_get("algorithm")?,
            generation: row.try_get("generation")?,
            sealed_private: row.try_get("sealed_private")?,
            created_at: row.try_get("created_at")?,
        })
    });
    Ok(keys.collect::<Result<_, sqlx::Error>>()?)
}
