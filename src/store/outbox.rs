//! The table `outbox`: letters to be sent, and what became of them.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Fault, Pool, Work};

/// A letter in the queue.
pub struct Queued {
    /// Its name here, and in its Message-ID.
    pub id: String,
    /// Which letter: `verify`, `reset`, ….
    pub letter: String,
    /// Whose affair it is.
    pub account_id: Option<String>,
    /// Where it goes.
    pub sent_to: String,
    /// Subject and bodies, sealed; empty once nobody will send it any more.
    pub sealed: String,
    /// Seconds since 1970, here and below.
    pub created_at: i64,
    /// After which it is of no use.
    pub good_until: i64,
    /// When it is tried next.
    pub due_at: i64,
    /// How often it was tried.
    pub tries: i64,
    /// Why the last try failed.
    pub last_fault: Option<String>,
    /// When it was sent, or given up.
    pub ended_at: Option<i64>,
    /// How it ended: `sent`, `refused`, `late`; `withheld` where there was nobody to write to, and nobody may feel that.
    pub ended_how: Option<String>,
}

/// What is due more seconds ahead than any letter is put off was put off by a clock that was wrong: it is due now.
const ASTRAY: i64 = 7_200;

/// How many letters of the list are shown.
pub const LISTED: usize = 1_000;

const COLUMNS: &str =
    "id, letter, account_id, sent_to, sealed, created_at, good_until, due_at, tries, last_fault,
                       ended_at, ended_how";

fn queued(row: &AnyRow) -> Result<Queued, sqlx::Error> {
    Ok(Queued {
        id: row.try_get("id")?,
        letter: row.try_get("letter")?,
        account_id: row.try_get("account_id")?,
        sent_to: row.try_get("sent_to")?,
        sealed: row.try_get("sealed")?,
        created_at: row.try_get("created_at")?,
        good_until: row.try_get("good_until")?,
        due_at: row.try_get("due_at")?,
        tries: row.try_get("tries")?,
        last_fault: row.try_get("last_fault")?,
        ended_at: row.try_get("ended_at")?,
        ended_how: row.try_get("ended_how")?,
    })
}

fn all(rows: &[AnyRow]) -> Result<Vec<Queued>, Fault> {
    Ok(rows.iter().map(queued).collect::<Result<_, _>>()?)
}

/// Puts a letter into the queue. It is there once the work is done.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn insert(work: &mut Work<'_>, letter: &Queued) -> Result<(), Fault> {
    work.run(
        sqlx::query(
            "insert into outbox (id, letter, account_id, sent_to, sealed, created_at, good_until, due_at, ended_at, ended_how)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(letter.id.clone())
        .bind(letter.letter.clone())
        .bind(letter.account_id.clone())
        .bind(letter.sent_to.clone())
        .bind(letter.sealed.clone())
        .bind(letter.created_at)
        .bind(letter.good_until)
        .bind(letter.due_at)
        .bind(letter.ended_at)
        .bind(letter.ended_how.clone()),
    )
    .await?;
    Ok(())
}

/// Whether any letter is due. Costs no turn to write.
///
/// # Errors
/// The database does not answer.
pub async fn is_due(pool: &Pool, now: i64) -> Result<bool, Fault> {
    let row = sqlx::query(
        "select id from outbox where ended_at is null and (due_at <= $1 or due_at > $2) limit 1",
    )
    .bind(now)
    .bind(now + ASTRAY)
    .fetch_optional(pool.any())
    .await?;
    Ok(row.is_some())
}

/// Takes the letters that are due, some at a time, for whoever asks and nobody else until `until`. The question is asked
/// in the write itself and once more of each row, so of several instances one gets it.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn claim(pool: &Pool, now: i64, until: i64, most: i64) -> Result<Vec<Queued>, Fault> {
    let sql = format!(
        "update outbox set due_at = $1, tries = tries + 1
         where ended_at is null and (due_at <= $2 or due_at > $4)
           and id in (select id from outbox where ended_at is null and (due_at <= $2 or due_at > $4)
                      order by due_at, id limit $3)
         returning {COLUMNS}"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(until)
        .bind(now)
        .bind(most)
        .bind(now + ASTRAY)
        .fetch_all(pool.write())
        .await?;
    all(&rows)
}

/// Notes that a letter is done with, and empties it.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn end(
    pool: &Pool,
    id: &str,
    how: &str,
    fault: Option<&str>,
    now: i64,
) -> Result<(), Fault> {
    sqlx::query(
        "update outbox set ended_at = $1, ended_how = $2, last_fault = $3, sealed = ''
         where id = $4 and ended_at is null",
    )
    .bind(now)
    .bind(how)
    .bind(fault)
    .bind(id)
    .execute(pool.write())
    .await?;
    Ok(())
}

/// Notes why a try failed, how many count, and when the next is.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn postpone(
    pool: &Pool,
    (id, tries): (&str, i64),
    fault: &str,
    due_at: i64,
) -> Result<(), Fault> {
    sqlx::query(
        "update outbox set due_at = $1, last_fault = $2, tries = $3 where id = $4 and ended_at is null",
    )
    .bind(due_at)
    .bind(fault)
    .bind(tries)
    .bind(id)
    .execute(pool.write())
    .await?;
    Ok(())
}

/// Gives up letters that are of no use any more and that nobody is trying, and forgets those that ended before.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn tidy(pool: &Pool, now: i64, ended_before: i64) -> Result<(), Fault> {
    sqlx::query(
        "update outbox set ended_at = $1, ended_how = 'late', sealed = ''
         where ended_at is null and good_until <= $1 and due_at <= $1",
    )
    .bind(now)
    .execute(pool.write())
    .await?;
    sqlx::query("delete from outbox where ended_at < $1")
        .bind(ended_before)
        .execute(pool.write())
        .await?;
    Ok(())
}

/// The letters in the queue, the newest first, with those that ended where asked: [`LISTED`] of them, and one more
/// where there are more.
///
/// # Errors
/// The database does not answer.
pub async fn list(pool: &Pool, with_ended: bool) -> Result<Vec<Queued>, Fault> {
    let which = if with_ended {
        ""
    } else {
        "where ended_at is null"
    };
    let most = LISTED + 1;
    let sql =
        format!("select {COLUMNS} from outbox {which} order by created_at desc, id limit {most}");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .fetch_all(pool.any())
        .await?;
    all(&rows)
}

/// One letter.
///
/// # Errors
/// The database does not answer.
pub async fn by_id(pool: &Pool, id: &str) -> Result<Option<Queued>, Fault> {
    let sql = format!("select {COLUMNS} from outbox where id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(pool.any())
        .await?;
    Ok(row.as_ref().map(queued).transpose()?)
}
