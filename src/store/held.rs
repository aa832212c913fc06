//! What is held about an account in tables that are otherwise asked one row at a time: for its owner to take along, and
//! to be counted.

use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Fault, Pool};

async fn rows(
    pool: &Pool,
    select: &'static str,
    account: &str,
    told: fn(&AnyRow) -> Result<Value, sqlx::Error>,
) -> Result<Vec<Value>, Fault> {
    let rows = sqlx::query(select)
        .bind(account)
        .fetch_all(pool.any())
        .await?;
    Ok(rows.iter().map(told).collect::<Result<_, _>>()?)
}

/// Every session.
///
/// # Errors
/// The database does not answer.
pub async fn sessions(pool: &Pool, account: &str) -> Result<Vec<Value>, Fault> {
    let select = "select id, version, started_at, authenticated_at, last_seen_at, method, client, device, expires_at,
                         ended_at, ended_why
                  from sessions where account_id = $1 order by started_at, id";
    rows(pool, select, account, |row| {
        Ok(json!({
            "id": row.try_get::<String, _>("id")?,
            "version": row.try_get::<i64, _>("version")?,
            "started_at": row.try_get::<i64, _>("started_at")?,
            "authenticated_at": row.try_get::<i64, _>("authenticated_at")?,
            "last_seen_at": row.try_get::<i64, _>("last_seen_at")?,
            "method": row.try_get::<String, _>("method")?,
            "client": row.try_get::<String, _>("client")?,
            "device": row.try_get::<String, _>("device")?,
            "expires_at": row.try_get::<i64, _>("expires_at")?,
            "ended_at": row.try_get::<Option<i64>, _>("ended_at")?,
            "ended_why": row.try_get::<Option<String>, _>("ended_why")?,
        }))
    })
    .await
}

/// When its sessions were renewed, as far as that is still known.
///
/// # Errors
/// The database does not answer.
pub async fn renewals(pool: &Pool, account: &str) -> Result<Vec<Value>, Fault> {
    let select = "select u.session_id, u.generation, u.used_at from refresh_uses u
                  join sessions s on s.id = u.session_id where s.account_id = $1 order by u.used_at, u.generation";
    rows(pool, select, account, |row| {
        Ok(json!({
            "session": row.try_get::<String, _>("session_id")?,
            "number": row.try_get::<i64, _>("generation")?,
            "at": row.try_get::<i64, _>("used_at")?,
        }))
    })
    .await
}

/// Letters that it may answer, or did, without what answers them.
///
/// # Errors
/// The database does not answer.
pub async fn letters(pool: &Pool, account: &str) -> Result<Vec<Value>, Fault> {
    let select = "select purpose, sent_to, created_at, expires_at, spent_at from letters
                  where account_id = $1 order by created_at, id";
    rows(pool, select, account, |row| {
        Ok(json!({
            "purpose": row.try_get::<String, _>("purpose")?,
            "sent_to": row.try_get::<String, _>("sent_to")?,
            "created_at": row.try_get::<i64, _>("created_at")?,
            "expires_at": row.try_get::<i64, _>("expires_at")?,
            "spent_at": row.try_get::<Option<i64>, _>("spent_at")?,
        }))
    })
    .await
}

/// Letters to it in the queue, and what became of them, without their text. Without those to an address that it asked
/// for: whether there is one would tell whether the address is somebody else's.
///
/// # Errors
/// The database does not answer.
pub async fn outbox(pool: &Pool, account: &str) -> Result<Vec<Value>, Fault> {
    let select = "select letter, sent_to, created_at, tries, ended_at, ended_how from outbox
                  where account_id = $1 and letter <> 'confirm-address' order by created_at, id";
    rows(pool, select, account, |row| {
        Ok(json!({
            "letter": row.try_get::<String, _>("letter")?,
            "sent_to": row.try_get::<String, _>("sent_to")?,
            "created_at": row.try_get::<i64, _>("created_at")?,
            "tries": row.try_get::<i64, _>("tries")?,
            "ended_at": row.try_get::<Option<i64>, _>("ended_at")?,
            "ended_how": row.try_get::<Option<String>, _>("ended_how")?,
        }))
    })
    .await
}

/// How many letters of one kind were written to an account since.
///
/// # Errors
/// The database does not answer.
pub async fn letters_since(
    pool: &Pool,
    account: &str,
    letter: &str,
    since: i64,
) -> Result<i64, Fault> {
    let row = sqlx::query(
        "select count(*) as letters from outbox where account_id = $1 and letter = $2 and created_at > $3",
    )
    .bind(account)
    .bind(letter)
    .bind(since)
    .fetch_one(pool.any())
    .await?;
    Ok(row.try_get("letters")?)
}
