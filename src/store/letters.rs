//! The table `letters`: those that somebody may still answer.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Fault, Pool, Work};

/// A letter that was written to somebody who may answer it.
pub struct Outstanding {
    /// Names the request that it was made for.
    pub id: String,
    /// What answering it does.
    pub purpose: String,
    /// Whose affair it is.
    pub account_id: String,
    /// Where it was sent, as typed.
    pub sent_to: String,
    /// The MAC of its code.
    pub code: String,
    /// Seconds since 1970, here and below.
    pub created_at: i64,
    /// After which the code is not good.
    pub code_expires_at: i64,
    /// After which the link is not good.
    pub expires_at: i64,
}

const COLUMNS: &str =
    "id, purpose, account_id, sent_to, code, created_at, code_expires_at, expires_at";

fn outstanding(row: &AnyRow) -> Result<Outstanding, sqlx::Error> {
    Ok(Outstanding {
        id: row.try_get("id")?,
        purpose: row.try_get("purpose")?,
        account_id: row.try_get("account_id")?,
        sent_to: row.try_get("sent_to")?,
        code: row.try_get("code")?,
        created_at: row.try_get("created_at")?,
        code_expires_at: row.try_get("code_expires_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}

/// Adds a letter, under the digest of its link's secret.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn insert(
    work: &mut Work<'_>,
    letter: &Outstanding,
    digest: String,
) -> Result<(), Fault> {
    work.run(
        sqlx::query(
            "insert into letters (id, purpose, account_id, sent_to, digest, code, code_expires_at, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(letter.id.clone())
        .bind(letter.purpose.clone())
        .bind(letter.account_id.clone())
        .bind(letter.sent_to.clone())
        .bind(digest)
        .bind(letter.code.clone())
        .bind(letter.code_expires_at)
        .bind(letter.created_at)
        .bind(letter.expires_at),
    )
    .await?;
    Ok(())
}

/// The letter with this link, if it is still good. Changes nothing.
///
/// # Errors
/// The database does not answer.
pub async fn look(
    pool: &Pool,
    purpose: &str,
    digest: &str,
    now: i64,
) -> Result<Option<Outstanding>, Fault> {
    let sql = format!(
        "select {COLUMNS} from letters where digest = $1 and purpose = $2 and spent_at is null and expires_at > $3"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(digest)
        .bind(purpose)
        .bind(now)
        .fetch_optional(pool.any())
        .await?;
    Ok(row.as_ref().map(outstanding).transpose()?)
}

/// Counts a try at the code of a letter, before anybody looks whether it is right. `None`: there is no such letter, or
/// its code has expired, was spent, or tried too often.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn try_code(
    pool: &Pool,
    purpose: &str,
    id: &str,
    most: i64,
    now: i64,
) -> Result<Option<Outstanding>, Fault> {
    let sql = format!(
        "update letters set code_tries = code_tries + 1
         where id = $1 and purpose = $2 and spent_at is null and code_expires_at > $3 and code_tries < $4
         returning {COLUMNS}"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .bind(purpose)
        .bind(now)
        .bind(most)
        .fetch_optional(pool.write())
        .await?;
    Ok(row.as_ref().map(outstanding).transpose()?)
}

/// Takes back that a code was tried: it was right, and something else was wrong.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn untry(pool: &Pool, id: &str) -> Result<(), Fault> {
    sqlx::query("update letters set code_tries = code_tries - 1 where id = $1 and code_tries > 0")
        .bind(id)
        .execute(pool.write())
        .await?;
    Ok(())
}

/// Answers a letter. Of two at once one does; `false`: somebody else did, or it became void.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn spend(work: &mut Work<'_>, id: &str, now: i64) -> Result<bool, Fault> {
    let done = work
        .run(
            sqlx::query("update letters set spent_at = $1 where id = $2 and spent_at is null and expires_at > $1")
                .bind(now)
                .bind(id.to_owned()),
        )
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes an account's outstanding letters void, all but those of one purpose.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn void(work: &mut Work<'_>, account: &str, but: &str, now: i64) -> Result<(), Fault> {
    work.run(
        sqlx::query(
            "update letters set spent_at = $1 where account_id = $2 and purpose <> $3 and spent_at is null",
        )
        .bind(now)
        .bind(account.to_owned())
        .bind(but.to_owned()),
    )
    .await?;
    Ok(())
}

/// Makes an account's outstanding letters of one purpose void: a newer one takes their place, or whoever asked for them
/// is signed out.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn void_purpose(
    work: &mut Work<'_>,
    account: &str,
    purpose: &str,
    now: i64,
) -> Result<(), Fault> {
    work.run(
        sqlx::query(
            "update letters set spent_at = $1 where account_id = $2 and purpose = $3 and spent_at is null",
        )
        .bind(now)
        .bind(account.to_owned())
        .bind(purpose.to_owned()),
    )
    .await?;
    Ok(())
}

/// Forgets letters that nobody could answer since.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn forget(pool: &Pool, before: i64) -> Result<(), Fault> {
    sqlx::query("delete from letters where expires_at < $1")
        .bind(before)
        .execute(pool.write())
        .await?;
    Ok(())
}
