//! The table `invites`: who may make an account where not everybody may.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Fault, Pool, Work};

/// An invitation, as remembered.
pub struct Invite {
    /// By which the operator names it.
    pub id: String,
    /// For the operator alone.
    pub note: String,
    /// What whoever comes by it may do: `user` or `admin`.
    pub role: String,
    /// The one address it is for.
    pub email: Option<String>,
    /// How many accounts it was made for.
    pub uses: i64,
    /// How many of them are left.
    pub uses_left: i64,
    /// Seconds since 1970, here and below.
    pub made_at: i64,
    /// From when on it is no longer good.
    pub expires_at: i64,
    /// When an operator took it back.
    pub withdrawn_at: Option<i64>,
}

const COLUMNS: &str = "id, note, role, email, uses, uses_left, made_at, expires_at, withdrawn_at";

fn invite(row: &AnyRow) -> Result<Invite, sqlx::Error> {
    Ok(Invite {
        id: row.try_get("id")?,
        note: row.try_get("note")?,
        role: row.try_get("role")?,
        email: row.try_get("email")?,
        uses: row.try_get("uses")?,
        uses_left: row.try_get("uses_left")?,
        made_at: row.try_get("made_at")?,
        expires_at: row.try_get("expires_at")?,
        withdrawn_at: row.try_get("withdrawn_at")?,
    })
}

/// Adds an invitation.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn add(pool: &Pool, invite: &Invite, digest: &str) -> Result<(), Fault> {
    sqlx::query(
        "insert into invites (id, digest, note, role, email, uses, uses_left, made_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&invite.id)
    .bind(digest)
    .bind(&invite.note)
    .bind(&invite.role)
    .bind(&invite.email)
    .bind(invite.uses)
    .bind(invite.uses_left)
    .bind(invite.made_at)
    .bind(invite.expires_at)
    .execute(pool.write())
    .await?;
    Ok(())
}

/// The invitation with this digest, if it is good now.
///
/// # Errors
/// The database does not answer.
pub async fn good(pool: &Pool, digest: &str, now: i64) -> Result<Option<Invite>, Fault> {
    let sql = format!(
        "select {COLUMNS} from invites
         where digest = $1 and uses_left > 0 and expires_at > $2 and withdrawn_at is null"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(digest)
        .bind(now)
        .fetch_optional(pool.any())
        .await?;
    Ok(row.as_ref().map(invite).transpose()?)
}

/// Spends one use of an invitation as a part of this work. `false`: it is not good any more, and the work should be
/// dropped. The question is asked in the write itself, so of two at once for the last use exactly one gets it.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn spend(work: &mut Work<'_>, id: &str, now: i64) -> Result<bool, Fault> {
    let spend = sqlx::query(
        "update invites set uses_left = uses_left - 1
         where id = $1 and uses_left > 0 and expires_at > $2 and withdrawn_at is null",
    );
    let spent = work.run(spend.bind(id).bind(now)).await?;
    Ok(spent.rows_affected() == 1)
}

/// Every invitation that is not forgotten yet, the newest first.
///
/// # Errors
/// The database does not answer.
pub async fn all(pool: &Pool) -> Result<Vec<Invite>, Fault> {
    let sql = format!("select {COLUMNS} from invites order by made_at desc, id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .fetch_all(pool.any())
        .await?;
    Ok(rows.iter().map(invite).collect::<Result<_, _>>()?)
}

/// Takes an invitation back. `false`: there is none of this name that is not taken back already.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn withdraw(pool: &Pool, id: &str, now: i64) -> Result<bool, Fault> {
    let done =
        sqlx::query("update invites set withdrawn_at = $1 where id = $2 and withdrawn_at is null")
            .bind(now)
            .bind(id)
            .execute(pool.write())
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets invitations that ended before.
///
/// # Errors
/// The database does not answer or cannot write.
pub async fn forget(pool: &Pool, ended_before: i64) -> Result<(), Fault> {
    sqlx::query("delete from invites where expires_at < $1")
        .bind(ended_before)
        .execute(pool.write())
        .await?;
    Ok(())
}
